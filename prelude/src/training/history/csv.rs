//! Numbers and tables as files that spreadsheets and pandas read.

use super::History;

pub(super) fn to_csv(history: &History) -> String {
    let mut lines = vec![format!("epoch,{}", history.keys().join(","))];
    for epoch in history.epochs() {
        let mut fields = vec![epoch.to_string()];
        for name in history.keys() {
            fields.push(
                history
                    .at(name, epoch)
                    .map_or_else(String::new, python_number),
            );
        }
        lines.push(fields.join(","));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A number with all its digits, as Python's `repr` writes it: `0.5`, `1e-05`, `nan`.
pub(crate) fn python_number(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    // Rust turns to exponents where Python does, and writes them shorter.
    let text = format!("{value:?}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::logs::Logs;
    use std::time::Duration;

    #[test]
    fn numbers_are_pythons() {
        let written = [
            0.5, 1.0, 0.0, 1e-4, 9.5e-5, 1e-5, 1.25e-7, -3e-10, 1e16, 12345.678,
        ];
        let expected = [
            "0.5",
            "1.0",
            "0.0",
            "0.0001",
            "9.5e-05",
            "1e-05",
            "1.25e-07",
            "-3e-10",
            "1e+16",
            "12345.678",
        ];
        assert_eq!(written.map(python_number), expected);
        assert_eq!(python_number(f64::NAN), "nan");
        assert_eq!(python_number(f64::NEG_INFINITY), "-inf");
    }

    #[test]
    fn a_table_has_a_line_of_names_and_one_per_epoch() {
        let mut history = History::default();
        let logs: Logs = [("acc", 0.5), ("loss", 1e-5)].into_iter().collect();
        history.push(1, &logs, Duration::ZERO, 0.1);
        let logs: Logs = [("acc", 0.5), ("loss", 0.25), ("val_acc", 1.0)]
            .into_iter()
            .collect();
        history.push(2, &logs, Duration::ZERO, 0.1);
        assert_eq!(
            history.to_csv(),
            "epoch,acc,loss,val_acc\n1,0.5,1e-05,\n2,0.5,0.25,1.0\n"
        );
    }
}
