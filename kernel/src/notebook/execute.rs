//! Executes a notebook's cells one after the other and stores what they put out.
//!
//! Shared by [`super::run`] and [`super::regression`], which decide what becomes of the result.
//! The rules are nbclient's: empty cells and those tagged `skip-execution` are passed over, a
//! cell that raises ends the run unless it carries `raises-exception`, and a cell has ended when
//! both its reply and its `idle` have arrived.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::client::{Event, KernelClient, Patience};
use super::document::{CodeCell, Notebook};
use super::ending::{CellLabel, Ending};
use super::error::Error;
use super::interrupts::{Interrupts, Stop};
use super::message::Message;
use super::outputs::Outputs;
use super::process::KernelLaunch;
use super::progress::Progress;
use super::start::StartingKernel;

/// How notebooks are executed.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The kernel.
    pub(super) launch: KernelLaunch,
    /// How long one cell may run.
    pub(super) timeout: Option<Duration>,
    /// Go on after a cell that raises.
    pub(super) allow_errors: bool,
    /// Store in each cell's metadata when it ran.
    pub(super) record_timing: bool,
    /// How long the kernel may take for what should be quick.
    pub(super) patience: Patience,
}

/// A notebook that has been executed as far as [`Ending`] says.
#[derive(Debug)]
pub(super) struct Execution {
    /// How it ended.
    pub(super) ending: Ending,
    /// The positions of the cells that ran, the last one perhaps not to its end.
    pub(super) executed: Vec<usize>,
    /// Positions of the cells that an earlier one's failure kept from being executed.
    pub(super) not_reached: Vec<usize>,
}

/// Executes a notebook in a kernel of its own and stores the outputs in it.
///
/// # Errors
/// If the kernel cannot be started. Whatever happens later is an [`Ending`], since the outputs
/// so far are worth keeping.
pub(super) async fn execute(
    notebook: &mut Notebook,
    folder: &Path,
    settings: &Settings,
    interrupts: &mut Interrupts,
    progress: &mut Progress,
) -> Result<Execution, Error> {
    let cells: Vec<Job> = notebook
        .code_cells()
        .enumerate()
        .filter_map(Job::of)
        .collect();
    progress.begin_notebook(cells.last().map_or(0, |job| job.label.number));
    let Some(client) = start(folder, settings, interrupts, progress).await? else {
        let ending = Ending::Interrupted { cell: None };
        return Ok(Execution {
            ending,
            executed: Vec::new(),
            not_reached: Vec::new(),
        });
    };
    let language_info = client.kernel_info()["language_info"].clone();
    notebook.describe_kernel(language_info, settings.launch.kernelspec.clone());

    let mut run = Run {
        client,
        outputs: Outputs::default(),
        settings,
        interrupts,
        progress,
    };
    let mut ending = Ending::Completed;
    for job in cells {
        run.progress.begin_cell(&job.label);
        let ended = run.execute_cell(&job).await.unwrap_or_else(|error| {
            Some(Ending::KernelLost {
                cell: job.label.clone(),
                error,
            })
        });
        let outputs = run
            .outputs
            .cells()
            .last()
            .map(|cell| cell.to_json())
            .unwrap_or_default();
        run.progress.end_cell(ended.is_none(), &outputs);
        if let Some(ended) = ended {
            ending = ended;
            break;
        }
    }
    for cell in run.outputs.cells() {
        notebook.set_result(cell.position, cell.to_json(), cell.execution_count);
        if settings.record_timing {
            notebook.set_timing(cell.position, cell.timing.clone());
        }
    }
    let executed: Vec<usize> = run
        .outputs
        .cells()
        .iter()
        .map(|cell| cell.position)
        .collect();
    let not_reached = notebook
        .code_cells()
        .enumerate()
        .filter_map(|(index, cell)| {
            let position = cell.position;
            Job::of((index, cell)).map(|_| position)
        })
        .filter(|position| !executed.contains(position))
        .collect();
    // Also for a kernel whose cell still runs: it can clean up behind itself, up to a point.
    tokio::select! {
        () = run.client.shutdown(&settings.patience) => {}
        _ = run.interrupts.next() => {}
    }
    Ok(Execution {
        ending,
        executed,
        not_reached,
    })
}

/// Starts the kernel; `None` if the user does not want to wait for it.
async fn start(
    folder: &Path,
    settings: &Settings,
    interrupts: &mut Interrupts,
    progress: &mut Progress,
) -> Result<Option<KernelClient>, Error> {
    let starting = StartingKernel::spawn(&settings.launch, folder).await?;
    let log = starting.log();
    let mut ready = std::pin::pin!(starting.ready(&settings.patience));
    let mut ticks = interval(progress.period());
    loop {
        tokio::select! {
            client = &mut ready => return client.map(Some),
            _ = interrupts.next() => return Ok(None),
            _ = ticks.tick() => progress.starting(&log.latest_line()),
        }
    }
}

/// A cell that will be executed.
struct Job {
    label: CellLabel,
    id: String,
    source: String,
    may_raise: bool,
}

impl Job {
    fn of((index, cell): (usize, CodeCell<'_>)) -> Option<Self> {
        let is_skipped = cell.source.trim().is_empty() || is_skipped(&cell);
        (!is_skipped).then(|| Job {
            label: CellLabel::new(index, &cell),
            id: cell.id.to_owned(),
            source: cell.source.clone(),
            may_raise: cell.has_tag("raises-exception"),
        })
    }
}

/// Whether a cell's tags keep it from being executed (nbclient's word, then nbval's).
pub(super) fn is_skipped(cell: &CodeCell<'_>) -> bool {
    cell.has_tag("skip-execution") || cell.has_tag("nbval-skip")
}

struct Run<'a> {
    client: KernelClient,
    outputs: Outputs,
    settings: &'a Settings,
    interrupts: &'a mut Interrupts,
    progress: &'a mut Progress,
}

impl Run<'_> {
    /// Executes one cell; `None` if the next one may follow.
    async fn execute_cell(&mut self, job: &Job) -> Result<Option<Ending>, Error> {
        let cell = || job.label.clone();
        let may_raise = self.settings.allow_errors || job.may_raise;
        let patience = self.settings.patience;
        let request = self
            .client
            .execute(&job.source, &job.id, !may_raise)
            .await?;
        self.outputs.begin_cell(job.label.position, &request);

        let mut ticks = interval(self.progress.period());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reply: Option<Message> = None;
        let mut is_idle = false;
        let mut is_interrupted = false;
        let mut time_limit = self
            .settings
            .timeout
            .map(|limit| (limit, Instant::now() + limit));
        let mut kill_at: Option<(Duration, Instant)> = None;
        let mut idle_by: Option<Instant> = None;

        while !(is_idle && reply.is_some()) {
            tokio::select! {
                event = self.client.next_event() => match event? {
                    Event::Output(message) => {
                        self.outputs.apply(&message);
                        is_idle |= message.is_idle() && message.parent_id == request;
                    }
                    Event::Reply(message) => {
                        self.outputs.apply(&message);
                        if message.parent_id == request {
                            idle_by = Some(Instant::now() + patience.idle_after_reply);
                            reply = Some(message);
                        }
                    }
                    Event::InputRequest(message) => self.client.refuse_input(&message).await?,
                },
                stop = self.interrupts.next() => {
                    if stop == Stop::Terminate || is_interrupted {
                        return Ok(Some(Ending::Interrupted { cell: Some(cell()) }));
                    }
                    is_interrupted = true;
                    self.progress.note("interrupting the cell; Ctrl-C once more stops the kernel");
                    self.client.interrupt().await?;
                }
                Some((limit, _)) = at(time_limit) => {
                    time_limit = None;
                    kill_at = Some((limit, Instant::now() + patience.after_interrupt));
                    self.progress.note("the cell has used up its time; interrupting it");
                    self.client.interrupt().await?;
                }
                Some((limit, _)) = at(kill_at) => {
                    return Ok(Some(Ending::TimedOut { cell: cell(), limit, is_killed: true }));
                }
                Some(_) = at(idle_by.map(|at| ((), at))) => {
                    return Err(Error::KernelSilent {
                        expected: "publish `idle` after its reply to the cell",
                        seconds: patience.idle_after_reply.as_secs(),
                        stderr: self.client.log().text(),
                    });
                }
                _ = ticks.tick() => self.show_progress(),
            }
        }
        Ok(match (reply, kill_at) {
            _ if is_interrupted => Some(Ending::Interrupted { cell: Some(cell()) }),
            (_, Some((limit, _))) => Some(Ending::TimedOut {
                cell: cell(),
                limit,
                is_killed: false,
            }),
            (Some(reply), None) if reply.text("status") != "ok" && !may_raise => {
                Some(Ending::raised(cell(), &reply))
            }
            _ => None,
        })
    }

    fn show_progress(&mut self) {
        let latest = self
            .outputs
            .cells()
            .last()
            .map_or("", |cell| cell.latest_line());
        let latest = if self.client.is_hanging() {
            "the kernel does not answer"
        } else {
            latest
        };
        self.progress.cell_runs(latest);
    }
}

/// Waits until a moment that may not be set: `select!` leaves the branch out then.
async fn at<T>(moment: Option<(T, Instant)>) -> Option<(T, Instant)> {
    let (value, instant) = moment?;
    sleep_until(instant).await;
    Some((value, instant))
}

#[cfg(test)]
mod tests;
