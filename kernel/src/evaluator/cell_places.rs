//! From a place in the crate that evcxr generates back to a cell and its line.
//!
//! The generated crate holds all cells' lines unchanged, those of earlier cells only where they define
//! items. [`super::backtrace`] says which places a panic has gone through, [`super::diagnostics`]
//! shows them.

use super::backtrace;
use crate::child::hub::PanicReport;

/// Where a cell's crate has its code, as rustc was told: what a panic names.
const CELL_FILE: &str = "src/lib.rs";
/// The same in backtraces, which name folders: those of `stand_in/crates.rs`, and evcxr's. Crates of the
/// user's have a `src/lib.rs`, too.
const CELL_FOLDERS: [&str; 4] = [
    "/crates/cell/",
    "/crates/items/",
    "/crates/whole/",
    "/evcxr/",
];
/// Calls of functions within functions that are worth a look.
const MOST_PLACES: usize = 5;

/// A cell that has compiled: what it defined can panic when a later one calls it.
pub struct EarlierCell {
    pub code: String,
    pub execution_count: usize,
}

/// A cell, and the crate that evcxr has made of it.
pub struct CellSource<'a> {
    pub code: &'a str,
    pub generated: &'a str,
    pub execution_count: usize,
    /// The oldest first.
    pub earlier: &'a [EarlierCell],
}

/// A line of a cell, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellPlace<'a> {
    pub code: &'a str,
    pub execution_count: usize,
    pub line: usize,
}

impl<'a> CellSource<'a> {
    /// The cell's line for a place in the generated crate.
    pub fn place(&self, file: &str, line: u32) -> Option<CellPlace<'a>> {
        if !is_of_cells(file) || line == 0 {
            return None;
        }
        let at = line as usize - 1;
        let wanted = self.generated.lines().nth(at)?.trim();
        let same = |line: &&str| line.trim() == wanted;
        // Equal lines come in the same order here and there.
        let nth = self.generated.lines().take(at).filter(same).count();
        let own = lines_that_read(wanted, self.code);
        if let Some(line) = own.get(nth).or(own.last()) {
            return Some(CellPlace {
                code: self.code,
                execution_count: self.execution_count,
                line: *line,
            });
        }
        // The last definition is the one that holds. A brace alone could be anybody's.
        let is_telling = wanted.contains(char::is_alphanumeric);
        let earlier = self.earlier.iter().rev().filter(|_| is_telling);
        let mut found = earlier.filter_map(|cell| {
            Some(CellPlace {
                code: &cell.code,
                execution_count: cell.execution_count,
                line: *lines_that_read(wanted, &cell.code).first()?,
            })
        });
        found.next()
    }

    /// The lines of cells that a panic has gone through, the innermost first.
    pub fn places(&self, report: &PanicReport) -> Vec<CellPlace<'a>> {
        let calls = backtrace::places(&report.backtrace, is_of_cells);
        let mut places = Vec::new();
        for (file, line) in [(&*report.file, report.line)].into_iter().chain(calls) {
            if let Some(place) = self.place(file, line)
                && !places.contains(&place)
            {
                places.push(place);
            }
        }
        if places.len() > MOST_PLACES {
            // Where it panicked, and what the cell itself has called.
            places.drain(MOST_PLACES - 1..places.len() - 1);
        }
        places
    }
}

fn is_of_cells(file: &str) -> bool {
    file.strip_suffix(CELL_FILE).is_some_and(|folder| {
        folder.is_empty() || CELL_FOLDERS.iter().any(|ends| folder.ends_with(ends))
    })
}

/// From 1.
fn lines_that_read(wanted: &str, code: &str) -> Vec<usize> {
    let lines = code.lines().enumerate();
    lines
        .filter(|(_, line)| line.trim() == wanted)
        .map(|(index, _)| index + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATED: &str = "fn half(n: usize) -> usize {\n    v[n] / 2\n}\nfn run_user_code_3() {\n\
        let a = 1;\nlet a = 1;\nhalf(7);\n}";

    fn report(line: u32, backtrace: &str) -> PanicReport {
        PanicReport {
            file: "src/lib.rs".into(),
            line,
            backtrace: backtrace.into(),
            ..Default::default()
        }
    }

    fn earlier() -> Vec<EarlierCell> {
        let cells = [
            (1, "fn half(n: usize) -> usize {\n    v[n] / 2\n}"),
            (2, "// again\nfn half(n: usize) -> usize {\n    v[n] / 2\n}"),
        ];
        cells
            .map(|(execution_count, code)| EarlierCell {
                code: code.into(),
                execution_count,
            })
            .into()
    }

    fn lines(report: &PanicReport, earlier: &[EarlierCell]) -> Vec<(usize, usize)> {
        let source = CellSource {
            code: "let a = 1;\nlet a = 1;\nhalf(7);",
            generated: GENERATED,
            execution_count: 3,
            earlier,
        };
        let places = source.places(report);
        places
            .iter()
            .map(|place| (place.execution_count, place.line))
            .collect()
    }

    #[test]
    fn equal_lines_of_a_cell_are_told_apart() {
        assert_eq!(lines(&report(5, ""), &[]), [(3, 1)]);
        assert_eq!(lines(&report(6, ""), &[]), [(3, 2)]);
        assert_eq!(lines(&report(99, ""), &[]), []);
    }

    #[test]
    fn a_function_of_an_earlier_cell_is_found_in_its_last_definition_with_its_caller() {
        let report = report(
            2,
            "   0: core::panicking::panic_bounds_check
   1: ctx::half
             at /kernel/crates/cell/src/lib.rs:2:5
   2: ctx::run_user_code_3::{{closure}}
             at /kernel/crates/cell/src/lib.rs:7:1
   3: ctx::run_user_code_3
             at /kernel/crates/cell/src/lib.rs:4:1
",
        );
        assert_eq!(lines(&report, &earlier()), [(2, 3), (3, 3)]);
        assert_eq!(lines(&report, &[]), [(3, 3)]);
    }

    #[test]
    fn a_crate_of_the_users_is_not_taken_for_cells() {
        let mut report = report(
            2,
            "   0: foreign::half
             at /registry/foreign-1.0.0/src/lib.rs:2:5
   1: cell::run_user_code_3::{{closure}}
             at /kernel/crates/cell/src/lib.rs:7:1
",
        );
        report.file = "/registry/foreign-1.0.0/src/lib.rs".into();
        assert_eq!(lines(&report, &earlier()), [(3, 3)]);
    }

    #[test]
    fn a_brace_belongs_to_no_earlier_cell() {
        assert_eq!(lines(&report(3, ""), &earlier()), []);
    }

    #[test]
    fn of_many_calls_the_innermost_and_the_cells_own_stay() {
        let code: String = (1..=9).map(|line| format!("line {line}\n")).collect();
        let calls: String = (1..=9)
            .map(|line| {
                format!(
                    "   {line}: ctx::f\n             at /kernel/crates/cell/src/lib.rs:{line}:1\n"
                )
            })
            .collect();
        let source = CellSource {
            code: &code,
            generated: &code,
            execution_count: 1,
            earlier: &[],
        };
        let lines: Vec<usize> = source
            .places(&report(1, &calls))
            .iter()
            .map(|place| place.line)
            .collect();
        assert_eq!(lines, [1, 2, 3, 4, 9]);
    }
}
