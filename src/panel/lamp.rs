//! Lamps: what each shows in which situation. The situation comes from outside; a lamp only blinks.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::gpio::{self, Line};
use super::output::{LEDS, Led, Opener, Output};
use super::trouble::Trouble;

/// What a person in front of the panel should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scene {
    /// Nothing happens.
    Idle,
    /// We ring somebody, or a call is being set up.
    Calling,
    /// Somebody rings us.
    Ringing,
    /// We talk.
    Talking,
    /// Nobody can be called: signalling is down.
    Offline,
    /// A part of the panel, or of its media, is lost.
    Fault,
}

/// How a lamp shines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pattern {
    /// Dark.
    #[default]
    Off,
    /// Steady.
    On,
    /// A second on, a second off.
    Slow,
    /// 150 ms on, 150 ms off.
    Fast,
    /// 100 ms on, every two seconds.
    Flash,
}

impl Pattern {
    /// Whether it shines so long after it began, and when that changes next.
    fn after(self, elapsed: Duration) -> (bool, Option<Duration>) {
        let (on, period) = match self {
            Self::Off => return (false, None),
            Self::On => return (true, None),
            Self::Slow => (1000, 2000),
            Self::Fast => (150, 300),
            Self::Flash => (100, 2000),
        };
        let into = u64::try_from(elapsed.as_millis() % u128::from(period)).unwrap_or(0);
        let is_on = into < on;
        (is_on, Some(Duration::from_millis(if is_on { on - into } else { period - into })))
    }
}

/// What a lamp shows in each situation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// [`Scene::Idle`].
    pub idle: Pattern,
    /// [`Scene::Calling`].
    pub calling: Pattern,
    /// [`Scene::Ringing`].
    pub ringing: Pattern,
    /// [`Scene::Talking`].
    pub talking: Pattern,
    /// [`Scene::Offline`].
    pub offline: Pattern,
    /// [`Scene::Fault`].
    pub fault: Pattern,
}

impl Patterns {
    fn of(&self, scene: Scene) -> Pattern {
        match scene {
            Scene::Idle => self.idle,
            Scene::Calling => self.calling,
            Scene::Ringing => self.ringing,
            Scene::Talking => self.talking,
            Scene::Offline => self.offline,
            Scene::Fault => self.fault,
        }
    }
}

/// What shines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bulb {
    /// A GPIO line.
    Line(Line),
    /// An LED of the kernel, by its name under `/sys/class/leds`.
    Led(String),
}

impl Bulb {
    /// What it is called in faults.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Line(line) => line.id.to_string(),
            Self::Led(name) => name.clone(),
        }
    }

    pub(super) fn opener(self) -> Opener {
        Box::new(move || match &self {
            Self::Line(line) => gpio::output(line).map(|request| Box::new(request) as Box<dyn Output>),
            Self::Led(name) => Led::open(Path::new(LEDS), name).map(|led| Box::new(led) as Box<dyn Output>),
        })
    }
}

/// One lamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lamp {
    /// What shines.
    pub bulb: Bulb,
    /// When, and how.
    pub patterns: Patterns,
}

/// Shines until nobody tells of situations any more; dark then.
pub(super) async fn shine(
    patterns: Patterns,
    mut open: Opener,
    mut scenes: watch::Receiver<Scene>,
    mut trouble: Trouble,
) {
    loop {
        let error = match open() {
            Ok(output) => {
                trouble.is_over().await;
                match follow(&patterns, output, &mut scenes).await {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        tokio::select! {
            () = trouble.is(&error) => {}
            () = ended(scenes.clone()) => return,
        }
    }
}

async fn follow(
    patterns: &Patterns,
    mut output: Box<dyn Output>,
    scenes: &mut watch::Receiver<Scene>,
) -> io::Result<()> {
    loop {
        let (pattern, began) = (patterns.of(*scenes.borrow_and_update()), Instant::now());
        let is_over = loop {
            let (is_on, next) = pattern.after(began.elapsed());
            output.set(is_on)?;
            tokio::select! {
                changed = scenes.changed() => break changed.is_err(),
                () = tokio::time::sleep(next.unwrap_or_default()), if next.is_some() => {}
            }
        };
        if is_over {
            return output.set(false);
        }
    }
}

async fn ended(mut scenes: watch::Receiver<Scene>) {
    while scenes.changed().await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::mpsc;

    use super::super::Event;
    use super::*;

    #[test]
    fn a_pattern_repeats_for_ever() {
        let at = |pattern: Pattern, ms| pattern.after(Duration::from_millis(ms));
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!((at(Pattern::Off, 5), at(Pattern::On, 5)), ((false, None), (true, None)));
        assert_eq!((at(Pattern::Slow, 0), at(Pattern::Slow, 1400)), ((true, ms(1000)), (false, ms(600))));
        assert_eq!((at(Pattern::Flash, 4_099), at(Pattern::Flash, 4_100)), ((true, ms(1)), (false, ms(1900))));
        let changes = (0..3000).filter(|ms| at(Pattern::Fast, *ms).0 != at(Pattern::Fast, ms + 1).0).count();
        assert_eq!(changes, 20);
    }

    /// Writes down what it is told; breaks when it is told to.
    struct Fake(Arc<Mutex<Vec<bool>>>, Arc<Mutex<bool>>);

    impl Output for Fake {
        fn set(&mut self, is_on: bool) -> io::Result<()> {
            if std::mem::take(&mut *self.1.lock().unwrap()) {
                return Err(io::Error::other("gone"));
            }
            self.0.lock().unwrap().push(is_on);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_lamp_follows_is_missed_comes_back_and_goes_dark_at_the_end() {
        let (shown, breaks) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
        let (events, mut told) = mpsc::channel(8);
        let (scene, scenes) = watch::channel(Scene::Offline);
        let patterns = Patterns { ringing: Pattern::On, talking: Pattern::On, ..Patterns::default() };
        let open: Opener = {
            let (shown, breaks) = (shown.clone(), breaks.clone());
            Box::new(move || Ok(Box::new(Fake(shown.clone(), breaks.clone()))))
        };
        let lamp = tokio::spawn(shine(patterns, open, scenes, Trouble::of("lamp x".to_owned(), events)));
        let shows = async |expected: &[bool]| {
            let is_shown = async {
                while *shown.lock().unwrap() != expected {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), is_shown).await.expect("it is shown in the end");
        };
        shows(&[false]).await;
        scene.send(Scene::Ringing).unwrap();
        shows(&[false, true]).await;
        *breaks.lock().unwrap() = true;
        scene.send(Scene::Talking).unwrap();
        assert!(matches!(told.recv().await.unwrap(), Event::Fault { part, .. } if part == "lamp x"));
        assert!(matches!(told.recv().await.unwrap(), Event::Recovered { part } if part == "lamp x"));
        shows(&[false, true, true]).await;
        drop(scene);
        lamp.await.unwrap();
        assert_eq!(*shown.lock().unwrap(), [false, true, true, false]);
    }
}
