//! Medians, and tables for terminals and Markdown alike.

/// The middle of some measurements, the mean of the middle two if their number is even; no number if there are none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// Prints a table whose first row is the header.
pub fn print(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    for (number, row) in rows.iter().enumerate() {
        let cells = row
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:width$}", width = width(column)));
        println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        if number == 0 {
            println!(
                "|{}|",
                (0..columns).map(|_| "---").collect::<Vec<_>>().join("|")
            );
        }
    }
}

/// Seconds as text; a dash if there is no measurement.
pub fn seconds(value: f64) -> String {
    match value.is_finite() {
        true => format!("{value:.3} s"),
        false => "—".to_owned(),
    }
}

/// `a / b` as text; a dash if one is missing.
pub fn ratio(a: f64, b: f64) -> String {
    match (a / b).is_finite() {
        true => format!("{:.2}×", a / b),
        false => "—".to_owned(),
    }
}
