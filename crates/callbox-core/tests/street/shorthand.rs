//! Writes values that come up again in a story only once, so that the recorded stories stay small.

use std::collections::HashMap;

use serde_json::{Value, json};

/// Shorter values are written out wherever they come up.
const LONG: usize = 12;

/// Returns the table of values that come up again, and the value with `{"#": INDEX}` in their places. Values in the table name
/// only values before them.
pub(super) fn shorthand(mut value: Value) -> (Value, Value) {
    let mut table = Table::default();
    table.count(&value);
    table.shorten(&mut value);
    (Value::Array(table.values), value)
}

#[derive(Default)]
struct Table {
    counts: HashMap<String, usize>,
    at: HashMap<String, usize>,
    values: Vec<Value>,
}

impl Table {
    fn count(&mut self, value: &Value) {
        let text = value.to_string();
        if text.len() < LONG {
            return;
        }
        let count = self.counts.entry(text).or_default();
        *count += 1;
        // What comes up only within a value of the table is written out there.
        if *count == 1 {
            parts(value).into_iter().for_each(|part| self.count(part));
        }
    }

    fn shorten(&mut self, value: &mut Value) {
        let text = value.to_string();
        if text.len() < LONG {
            return;
        }
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.shorten(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.shorten(field)),
            _ => {}
        }
        if self.counts[&text] > 1 {
            let at = *self.at.entry(text).or_insert_with(|| {
                self.values.push(value.clone());
                self.values.len() - 1
            });
            *value = json!({ "#": at });
        }
    }
}

fn parts(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}
