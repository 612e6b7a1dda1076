//! What of a panic's backtrace says something to the reader of a notebook.
//!
//! [`super::diagnostics`] shows it; the text is std's, as the prelude's panic hook captured it.

/// Longer ones help nobody.
const MOST_FRAMES: usize = 20;
/// evcxr's function around a cell: what lies below it is the same for every cell.
const CELL_FUNCTION: &str = "run_user_code";
/// Paths that begin so belong to the machinery of panics and closures.
const MACHINERY: [&str; 6] = [
    "std::",
    "core::",
    "alloc::",
    "__rustc",
    "rust_",
    "torchbook::panics",
];

/// A call of the backtrace.
struct Call<'a> {
    function: &'a str,
    file: &'a str,
    line: u32,
}

/// The places in such files, the innermost first, down to the cell itself.
pub fn places(backtrace: &str, is_wanted: fn(&str) -> bool) -> Vec<(&str, u32)> {
    let mut is_below_the_cell = false;
    calls(backtrace)
        .take_while(|call| {
            let is_shown = !is_below_the_cell;
            is_below_the_cell = call.function.contains(CELL_FUNCTION);
            is_shown
        })
        .filter(|call| is_wanted(call.file))
        .map(|call| (call.file, call.line))
        .collect()
}

/// One line for each call of the user's or a library's function, the innermost first.
pub fn of_users_code(backtrace: &str) -> Vec<String> {
    calls(backtrace)
        .take_while(|call| !call.function.contains(CELL_FUNCTION))
        .filter(|call| {
            let function = call.function.trim_start_matches('<');
            !MACHINERY.iter().any(|start| function.starts_with(start))
        })
        .take(MOST_FRAMES)
        .map(|call| format!("  in {}", call.function))
        .collect()
}

/// `  12: crate::function` and, where it is known, `             at file:line:column` below.
fn calls(backtrace: &str) -> impl Iterator<Item = Call<'_>> {
    let mut lines = backtrace.lines().peekable();
    std::iter::from_fn(move || {
        let function = loop {
            let (number, function) = lines.next()?.split_once(": ").unwrap_or_default();
            if number.trim().parse::<u32>().is_ok() {
                break function;
            }
        };
        let at = lines
            .peek()
            .and_then(|next| next.trim_start().strip_prefix("at "));
        let mut parts = at.unwrap_or_default().rsplitn(3, ':').skip(1);
        let line = parts.next().and_then(|line| line.parse().ok()).unwrap_or(0);
        Some(Call {
            function,
            file: parts.next().unwrap_or_default(),
            line,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKTRACE: &str = "   0: torchbook::panics::install::{{closure}}
   1: std::panicking::panic_with_hook
   2: core::result::unwrap_failed
   3: tch::wrappers::tensor_fallible_generated::matmul
             at /registry/tch/src/lib.rs.inc:7:2
   4: ctx::train
             at /folder/src/lib.rs:12:5
   5: ctx::run_user_code_1::{{closure}}
             at /folder/src/lib.rs:30:1
   6: evcxr::runtime::Runtime::run
";

    fn is_the_cells(file: &str) -> bool {
        file == "/folder/src/lib.rs"
    }

    #[test]
    fn places_are_found_down_to_the_cells_own_code() {
        let below = "   7: ctx::run_user_code_1
             at /folder/src/lib.rs:2:1
";
        assert_eq!(
            places(&format!("{BACKTRACE}{below}"), is_the_cells),
            [("/folder/src/lib.rs", 12), ("/folder/src/lib.rs", 30)]
        );
        assert_eq!(places("no backtrace", is_the_cells), []);
    }

    #[test]
    fn machinery_and_what_is_below_the_cell_are_left_out() {
        assert_eq!(
            of_users_code(BACKTRACE),
            [
                "  in tch::wrappers::tensor_fallible_generated::matmul",
                "  in ctx::train"
            ]
        );
        assert_eq!(of_users_code(""), [""; 0]);
    }
}
