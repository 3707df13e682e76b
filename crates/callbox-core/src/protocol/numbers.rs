//! Numbers as other JSON encoders write them.
//!
//! Some encoders know floating-point numbers only and write the integer 1 as `1.0` or `1e0`. JSON makes no difference between them
//! (RFC 8259, section 6), serde does. The parsed text is therefore normalised once, before any field gets its type.

use serde_json::{Number, Value};

/// Whole numbers up to here are exact in a double (RFC 8259, section 6).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Parses JSON; every number with a whole value is an integer in the result.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut value = serde_json::from_slice(bytes)?;
    normalise(&mut value);
    Ok(value)
}

/// The depth is that of the parser: 128 at most.
fn normalise(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                *number = whole;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalise),
        Value::Object(fields) => fields.values_mut().for_each(normalise),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked: a whole number of at most 2^53")]
fn whole(float: f64) -> Option<Number> {
    (float.fract() == 0.0 && float.abs() <= EXACT).then(|| Number::from(float as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        parse(text.as_bytes()).unwrap().to_string()
    }

    #[test]
    fn whole_numbers_become_integers_however_they_are_written() {
        assert_eq!(parsed(r#"[1.0, 1e3, -0.0, 30000.000, {"a": [2.0]}]"#), r#"[1,1000,0,30000,{"a":[2]}]"#);
    }

    #[test]
    fn what_is_not_whole_or_not_exact_stays_as_it_is() {
        for text in ["1.5", "1e300", "18446744073709551615", "-3", "\"1.0\""] {
            assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
    }
}
