//! Latency of cells: torchbook beside evcxr_jupyter with the same crates, in turn.
//!
//! The prelude is in scope in both. What both must build once is built before the clock runs.

use crate::Result;
use crate::kernel::Kernel;
use crate::peers::{Evcxr, build_environment, torchbook};
use crate::table::{self, median, ratio, seconds};

/// Cells of each kind per start.
const CELLS: usize = 11;
/// What the notebook that has grown has in it.
const STRUCTS: usize = 200;
const VARIABLES: usize = 50;

/// Measurements of one kind, of both kernels.
struct Row {
    what: &'static str,
    goal: &'static str,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

/// The kinds, in the order of the table: name and goal.
const KINDS: [(&str, &str); 13] = [
    ("process start to kernel_info", "≤ 0.15 s"),
    ("process start to first tensor", "≤ 3 s"),
    ("statement", "≤ 0.20 s, ≥ 2.5×"),
    ("expression", "≤ 0.20 s, ≥ 2.5×"),
    ("cell with `?`", ""),
    ("compile error", "≤ 0.25 s"),
    ("completion", "≤ 0.15 s"),
    ("completion while a cell runs", "≤ 0.15 s"),
    ("loop of 10⁹ iterations", "as at opt 2"),
    ("the same at opt 2", ""),
    ("statement in a notebook that has grown", "≤ 1.3 × empty"),
    ("expression in a notebook that has grown", "≤ 1.3 × empty"),
    ("compile error in a notebook that has grown", ""),
];

/// Starts both kernels in turn, `starts` times each, and prints the table.
pub fn run(starts: usize) -> Result<()> {
    build_environment()?;
    let evcxr = Evcxr::ready()?;
    let mut rows = KINDS.map(|(what, goal)| Row {
        what,
        goal,
        ours: Vec::new(),
        theirs: Vec::new(),
    });
    eprintln!("warming both up");
    session(|| Kernel::start(torchbook), None, &mut |_, _| ())?;
    session(
        || Kernel::start(|file| evcxr.command(file)),
        Some(Evcxr::prelude()),
        &mut |_, _| (),
    )?;
    for start in 1..=starts {
        eprintln!("start {start} of {starts}: torchbook");
        session(|| Kernel::start(torchbook), None, &mut |kind, value| {
            rows[kind].ours.push(value)
        })?;
        eprintln!("start {start} of {starts}: evcxr_jupyter");
        session(
            || Kernel::start(|file| evcxr.command(file)),
            Some(Evcxr::prelude()),
            &mut |kind, value| rows[kind].theirs.push(value),
        )?;
    }
    let header = [
        "median of",
        "torchbook",
        "evcxr_jupyter",
        "evcxr / torchbook",
        "goal",
    ];
    let mut table = vec![header.map(str::to_owned).to_vec()];
    for row in &rows {
        let (ours, theirs) = (median(&row.ours), median(&row.theirs));
        table.push(vec![
            format!("{} ({})", row.what, row.ours.len()),
            seconds(ours),
            seconds(theirs),
            ratio(theirs, ours),
            row.goal.to_owned(),
        ]);
    }
    table::print(&table);
    let grown =
        |kind: usize, empty: usize| ratio(median(&rows[kind].ours), median(&rows[empty].ours));
    println!(
        "grown / empty: statement {}, expression {}, error {} (evcxr_jupyter: {}, {}, {})",
        grown(10, 2),
        grown(11, 3),
        grown(12, 5),
        ratio(median(&rows[10].theirs), median(&rows[2].theirs)),
        ratio(median(&rows[11].theirs), median(&rows[3].theirs)),
        ratio(median(&rows[12].theirs), median(&rows[5].theirs)),
    );
    Ok(())
}

/// One life of a kernel; `measured` gets the row and the seconds. A peer loads the prelude in a cell of its own.
fn session(
    start: impl FnOnce() -> Result<Kernel>,
    prelude: Option<String>,
    measured: &mut impl FnMut(usize, f64),
) -> Result<()> {
    let peer = prelude.is_some();
    let mut kernel = start()?;
    measured(0, kernel.ready_after);
    if let Some(prelude) = prelude {
        run_cell(&mut kernel, &prelude)?;
    }
    run_cell(
        &mut kernel,
        "let first = Tensor::from_slice(&[1.0f32, 2.0]) * 2.0;",
    )?;
    run_cell(&mut kernel, "first.sum(Kind::Float).double_value(&[])")?;
    measured(1, kernel.age());

    for i in 0..CELLS {
        measured(
            2,
            run_cell(&mut kernel, &format!("let n{} = {i} * 2;", i % 3))?,
        );
    }
    for i in 0..CELLS {
        measured(3, run_cell(&mut kernel, &format!("n1 + {i}"))?);
    }
    for i in 0..CELLS {
        measured(
            4,
            run_cell(&mut kernel, &format!("let parsed: i32 = \"{i}\".parse()?;"))?,
        );
    }
    errors(&mut kernel, 5, measured)?;
    for _ in 0..CELLS {
        let (seconds, matches) = kernel.complete("let model = Sequen")?;
        if matches == 0 && !peer {
            return Err("no completion for `Sequen`".into());
        }
        measured(6, seconds);
    }
    if !peer {
        // A peer answers when the cell has ended.
        let sleep = "std::thread::sleep(std::time::Duration::from_secs(4));";
        let times = kernel.while_executing(sleep, |kernel| {
            std::thread::sleep(std::time::Duration::from_secs(1));
            (0..CELLS)
                .map(|_| kernel.complete("let model = Sequen"))
                .collect::<Result<Vec<_>>>()
        })?;
        times
            .into_iter()
            .for_each(|(seconds, _)| measured(7, seconds));
    }
    const LOOP: &str = "let mut sum = 1u64;\nfor i in 0..1_000_000_000u64 {\n    sum = sum.wrapping_mul(6364136223846793005).wrapping_add(i);\n}\nsum";
    measured(8, run_cell(&mut kernel, LOOP)?);
    if !peer {
        run_cell(&mut kernel, ":opt 2")?;
        measured(9, run_cell(&mut kernel, LOOP)?);
        run_cell(&mut kernel, ":opt 0")?;
        run_cell(&mut kernel, "let back = 0;")?;
    }

    for part in 0..10 {
        run_cell(
            &mut kernel,
            &structs(part * STRUCTS / 10..(part + 1) * STRUCTS / 10),
        )?;
    }
    let variables: String = (0..VARIABLES)
        .map(|i| format!("let v{i} = S{i} {{ a: {i}, b: String::new() }};\n"))
        .collect();
    run_cell(&mut kernel, &variables)?;
    for i in 0..CELLS {
        measured(
            10,
            run_cell(&mut kernel, &format!("let n{} = {i} * 3;", i % 3))?,
        );
    }
    for i in 0..CELLS {
        measured(11, run_cell(&mut kernel, &format!("n1 + {i}"))?);
    }
    errors(&mut kernel, 12, measured)
}

fn errors(kernel: &mut Kernel, kind: usize, measured: &mut impl FnMut(usize, f64)) -> Result<()> {
    for i in 0..CELLS {
        let executed = kernel.execute(&format!("let wrong: i32 = \"{i}\";"))?;
        if executed.error.is_none() {
            return Err("a wrong cell was accepted".into());
        }
        measured(kind, executed.seconds);
    }
    Ok(())
}

fn structs(numbers: std::ops::Range<usize>) -> String {
    let one = |i| {
        format!(
            "#[derive(Clone, Debug, PartialEq)]\nstruct S{i} {{ a: i64, b: String }}\nimpl S{i} {{\n    fn sum(&self) -> i64 {{ self.a + self.b.len() as i64 }}\n    fn name(&self) -> String {{ format!(\"{{}} {{}}\", self.a, self.b) }}\n}}\n"
        )
    };
    numbers.map(one).collect()
}

/// Seconds of a cell that must succeed.
fn run_cell(kernel: &mut Kernel, code: &str) -> Result<f64> {
    let executed = kernel.execute(code)?;
    match executed.error {
        None => Ok(executed.seconds),
        Some(error) => Err(format!(
            "{error}\nin the cell\n{code}\nwhich said\n{}",
            executed.text
        )
        .into()),
    }
}
