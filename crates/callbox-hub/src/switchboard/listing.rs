//! Names of users, page by page.

use std::iter::Peekable;

use callbox_core::ids::UserId;

/// The most names of one page.
const MOST: u16 = 200;
/// … and as many where nothing else is asked for.
const USUAL: u16 = 100;
/// The most names that are looked at for one page: the answer may be empty, and still say where to go on.
const LOOKED_AT: usize = 20_000;

/// What a device asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    find: Option<String>,
    /// Names behind this one.
    pub(crate) after: Option<UserId>,
    limit: usize,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In order.
    pub names: Vec<UserId>,
    /// Where the next one begins; none: that was all.
    pub after: Option<UserId>,
}

impl Query {
    /// Reads what a `list` asks for.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn parse(find: Option<UserId>, after: Option<UserId>, limit: Option<u16>) -> Result<Self, String> {
        let limit = limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(format!("`limit` is {limit}: 1 to {MOST} are allowed"));
        }
        Ok(Self { find: find.map(|find| find.as_str().to_ascii_lowercase()), after, limit: limit.into() })
    }

    /// The page of these names, which come in order and behind `after`.
    pub fn page<'a>(&self, names: impl Iterator<Item = &'a UserId>) -> Page {
        let mut page = Page { names: Vec::new(), after: None };
        let mut names = names.peekable();
        for _ in 0..LOOKED_AT {
            let Some(name) = names.next() else { return page };
            if self.matches(name) {
                page.names.push(name.clone());
            }
            if page.names.len() == self.limit || names.peek().is_none() {
                page.after = names.peek().map(|_| name.clone());
                return page;
            }
            page.after = Some(name.clone());
        }
        page
    }

    fn matches(&self, name: &UserId) -> bool {
        self.find.as_ref().is_none_or(|find| name.as_str().to_ascii_lowercase().contains(find))
    }
}

/// Merges names that come in order; each comes once.
pub fn merge<'a>(sources: Vec<Box<dyn Iterator<Item = &'a UserId> + 'a>>) -> impl Iterator<Item = &'a UserId> {
    let mut sources: Vec<Peekable<_>> = sources.into_iter().map(Iterator::peekable).collect();
    std::iter::from_fn(move || {
        let least = sources.iter_mut().filter_map(|source| source.peek().copied()).min()?;
        for source in &mut sources {
            source.next_if(|name| *name == least);
        }
        Some(least)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn name(text: &str) -> UserId {
        text.parse().unwrap()
    }

    #[test]
    fn pages_together_are_everybody_once() {
        let (a, b): (BTreeSet<_>, BTreeSet<_>) =
            ((0..700).map(|n| name(&format!("a{n}"))).collect(), (300..900).map(|n| name(&format!("a{n}"))).collect());
        let (mut after, mut all) = (None, Vec::new());
        loop {
            let query = Query::parse(None, after.clone(), Some(7)).unwrap();
            let sources: Vec<Box<dyn Iterator<Item = &UserId>>> = vec![Box::new(a.iter()), Box::new(b.iter())];
            let page = query.page(merge(sources).filter(|name| after.as_ref().is_none_or(|after| *name > after)));
            assert!(page.names.len() <= 7);
            all.extend(page.names);
            match page.after {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let expected: Vec<_> = a.union(&b).cloned().collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn a_search_ignores_case_and_looks_at_a_bounded_number_of_names() {
        let names: BTreeSet<_> = (0..30_000).map(|n| name(&format!("u{n:05}"))).chain([name("Flat-3")]).collect();
        let page = Query::parse(Some(name("flat")), None, None).unwrap().page(names.iter());
        assert_eq!(page.names, [name("Flat-3")]);
        assert_eq!(page.after, Some(name("u19998")), "20,000 names were looked at, with Flat-3");
        let nobody = Query::parse(Some(name("x")), None, None).unwrap().page(names.range(name("u29000")..));
        assert_eq!(nobody, Page { names: Vec::new(), after: None });
    }

    #[test]
    fn a_limit_is_1_to_200() {
        for (limit, good) in [(0, false), (1, true), (200, true), (201, false)] {
            assert_eq!(Query::parse(None, None, Some(limit)).is_ok(), good, "{limit}");
        }
    }
}
