//! A kernel that serves: binds the sockets a connection file names, starts their tasks,
//! and ends them in order.
//!
//! Requests that run cells wait in one queue; all others are served at once, also while
//! a cell runs. The evaluator lives on a thread of its own.

use crate::analysis::Analysis;
use crate::dispatch;
use crate::evaluator::{CellError, CellIo, Evaluator, Interrupter, Outcome, Shown};
use crate::handlers::usage::UsageMeter;
use crate::history::History;
use crate::messages;
use crate::session::Session;
use crate::sockets::replays::SeenMessages;
use crate::sockets::router::{self, Replies, Requests};
use crate::sockets::{heartbeat, iopub::Iopub, stdin::Stdin};
use anyhow::Context;
use jupyter_protocol::{ConnectionInfo, JupyterMessage, JupyterMessageContent};
use jupyter_zmq_client::connection as zmq;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};

/// zeromq's sockets throw away what they have not sent when they are dropped; this is
/// the time the last replies get.
const LINGER: Duration = Duration::from_millis(100);

/// How long a client that has stopped reading may hold up the kernel's end.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// How long an interrupted cell may go on before its user is told what a second
/// interrupt would do.
const UNHEEDED_INTERRUPT: Duration = Duration::from_secs(2);

const UNHEEDED_NOTICE: &str = "\
torchbook: the cell goes on, for it has not come to a place where it can stop and keep its variables \
(a step of fit, a progress bar, a display, input). Interrupt again to end it by force: \
all variables will be lost, definitions and dependencies stay.\n";

/// Makes the evaluator, given where its output goes.
pub type MakeEvaluator =
    Box<dyn FnOnce(Arc<dyn CellIo>) -> std::io::Result<Box<dyn Evaluator>> + Send>;

/// Something the evaluator's thread does.
type Job = Box<dyn FnOnce(&mut dyn Evaluator) + Send>;

/// What the handlers know of the kernel.
pub struct Kernel {
    /// The running cell and where output goes.
    pub session: Arc<Session>,
    jobs: std::sync::mpsc::Sender<Job>,
    /// What usage requests measure with.
    pub usage: Arc<Mutex<UsageMeter>>,
    analysis: OnceLock<Arc<dyn Analysis>>,
    interrupter: OnceLock<Arc<dyn Interrupter>>,
    executing: AtomicBool,
    /// Number of the cell that runs or ran last, silent ones included.
    job: AtomicU64,
    /// The running cell has not heeded its first interrupt.
    unheeded: Notify,
    count: AtomicUsize,
    /// Number of the newest queued cell, and up to which one queued cells are aborted.
    queued: AtomicU64,
    aborted_up_to: AtomicU64,
    end: Notify,
}

impl Kernel {
    /// The count for the next cell; raised first when the cell `counts`.
    pub fn execution_count(&self, counts: bool) -> usize {
        if counts {
            self.count.fetch_add(1, Ordering::SeqCst) + 1
        } else {
            self.count.load(Ordering::SeqCst)
        }
    }

    /// Runs a cell on the evaluator's thread.
    pub async fn execute(&self, code: String, execution_count: usize) -> Outcome {
        self.on_evaluator(move |evaluator| evaluator.execute(&code, execution_count))
            .await
    }

    /// Evaluates an expression on the evaluator's thread.
    pub async fn evaluate(&self, expression: String) -> Result<Shown, CellError> {
        self.on_evaluator(move |evaluator| evaluator.evaluate(&expression))
            .await
    }

    /// Does something on the evaluator's thread that can be interrupted.
    async fn on_evaluator<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Evaluator) -> Result<T, CellError> + Send + 'static,
    ) -> Result<T, CellError> {
        let (done, mut outcome) = oneshot::channel();
        let ended = || CellError::new("KernelError", "the evaluator has ended; restart the kernel");
        if let Some(interrupter) = self.interrupter.get() {
            interrupter.arm();
        }
        self.job.fetch_add(1, Ordering::SeqCst);
        self.executing.store(true, Ordering::SeqCst);
        let sent = self.jobs.send(Box::new(move |evaluator| {
            // The handler waits for it unless the kernel is ending.
            let _ = done.send(work(evaluator));
        }));
        let outcome = match sent {
            Ok(()) => loop {
                tokio::select! {
                    outcome = &mut outcome => break outcome.unwrap_or_else(|_| Err(ended())),
                    () = self.unheeded.notified() => self.session.tell(UNHEEDED_NOTICE).await,
                }
            },
            Err(_) => Err(ended()),
        };
        self.executing.store(false, Ordering::SeqCst);
        outcome
    }

    /// Asks something about code, beside a cell that may run; none when there is no answer.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Analysis) -> T + Send + 'static,
    ) -> Option<T> {
        let analysis = Arc::clone(self.analysis.get()?);
        tokio::task::spawn_blocking(move || question(&*analysis))
            .await
            .inspect_err(|panic| tracing::error!(%panic, "a question was not answered"))
            .ok()
    }

    /// A client shows that somebody is at work with this kernel.
    pub fn expect_questions(&self) {
        if let Some(analysis) = self.analysis.get() {
            analysis.expect_questions();
        }
    }

    /// Cells that are queued now will not run.
    pub fn abort_queued(&self) {
        self.aborted_up_to
            .store(self.queued.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Interrupts the running cell; without one, nothing happens.
    pub fn interrupt(self: &Arc<Self>) {
        if !self.executing.load(Ordering::SeqCst) {
            return;
        }
        self.session.stdin.interrupt();
        if let Some(interrupter) = self.interrupter.get() {
            interrupter.interrupt();
        }
        let kernel = Arc::clone(self);
        let interrupted = self.job.load(Ordering::SeqCst);
        tokio::spawn(async move {
            tokio::time::sleep(UNHEEDED_INTERRUPT).await;
            let is_same = kernel.job.load(Ordering::SeqCst) == interrupted;
            if is_same && kernel.executing.load(Ordering::SeqCst) {
                // The cell's own task tells: only there it is certain to come before idle.
                kernel.unheeded.notify_waiters();
            }
        });
    }

    /// Lets [`serve`] return once the last replies are out.
    pub fn request_end(&self) {
        self.end.notify_one();
    }
}

/// Serves until a client asks for the end or a signal does.
///
/// # Errors
/// When a socket cannot be bound.
pub async fn serve(
    connection: &ConnectionInfo,
    make_evaluator: MakeEvaluator,
    history: History,
) -> anyhow::Result<()> {
    let id = uuid::Uuid::new_v4().to_string();
    let bind = |name: &str| format!("cannot bind the {name} socket on {}", connection.ip);
    let heartbeat_socket = zmq::create_kernel_heartbeat_connection(connection)
        .await
        .with_context(|| bind("heartbeat"))?;
    let iopub_socket = zmq::create_kernel_iopub_xpub_connection(connection, &id)
        .await
        .with_context(|| bind("IOPub"))?;
    let shell_socket = zmq::create_kernel_shell_connection(connection, &id)
        .await
        .with_context(|| bind("shell"))?;
    let control_socket = zmq::create_kernel_control_connection(connection, &id)
        .await
        .with_context(|| bind("control"))?;
    let stdin_socket = zmq::create_kernel_stdin_connection(connection, &id)
        .await
        .with_context(|| bind("stdin"))?;

    tokio::spawn(heartbeat::echo(heartbeat_socket));
    let iopub = Iopub::start(iopub_socket);
    let seen = SeenMessages::default();
    let (stdin_requests, stdin_replies) = router::open(stdin_socket, "stdin", &seen);
    let (shell_requests, shell_replies) = router::open(shell_socket, "shell", &seen);
    let (control_requests, control_replies) = router::open(control_socket, "control", &seen);
    let session = Arc::new(Session::new(
        iopub.clone(),
        Stdin::start(stdin_requests, stdin_replies),
        history,
    ));

    let (jobs, job_queue) = std::sync::mpsc::channel();
    let kernel = Arc::new(Kernel {
        session: Arc::clone(&session),
        jobs,
        usage: Arc::default(),
        analysis: OnceLock::new(),
        interrupter: OnceLock::new(),
        executing: AtomicBool::new(false),
        job: AtomicU64::new(0),
        unheeded: Notify::new(),
        count: AtomicUsize::new(0),
        queued: AtomicU64::new(0),
        aborted_up_to: AtomicU64::new(0),
        end: Notify::new(),
    });
    let evaluator = make_evaluator(session).context("cannot start the evaluator")?;
    // Nobody else sets it.
    let _ = kernel.analysis.set(evaluator.analysis());
    let _ = kernel.interrupter.set(evaluator.interrupter());
    std::thread::Builder::new()
        .name("torchbook-evaluator".into())
        .spawn(move || evaluate_jobs(evaluator, &job_queue))?;

    iopub.send(messages::status(None, "starting")).await;
    tokio::spawn(serve_shell(
        Arc::clone(&kernel),
        shell_requests,
        shell_replies,
    ));
    tokio::spawn(serve_control(
        Arc::clone(&kernel),
        control_requests,
        control_replies,
    ));
    wait_for_the_end(&kernel).await;
    if tokio::time::timeout(LAST_FLUSH, iopub.flush())
        .await
        .is_err()
    {
        tracing::warn!("a client does not read its IOPub messages; the last ones are lost");
    }
    tokio::join!(kernel.session.history.flush(), tokio::time::sleep(LINGER));
    if let Some(interrupter) = kernel.interrupter.get() {
        interrupter.kill();
    }
    Ok(())
}

fn evaluate_jobs(mut evaluator: Box<dyn Evaluator>, jobs: &std::sync::mpsc::Receiver<Job>) {
    evaluator.warm_up();
    let waiting = jobs.try_recv().ok();
    if waiting.is_none() {
        evaluator.read_ahead();
    }
    for job in waiting.into_iter().chain(jobs) {
        job(&mut *evaluator);
    }
}

/// Cells go to the queue, everything else is served beside it.
async fn serve_shell(kernel: Arc<Kernel>, mut requests: Requests, replies: Replies) {
    let (queue, cells) = mpsc::unbounded_channel();
    tokio::spawn(serve_cells(Arc::clone(&kernel), cells, replies.clone()));
    loop {
        let request = requests.next().await;
        if matches!(request.content, JupyterMessageContent::ExecuteRequest(_)) {
            let number = kernel.queued.fetch_add(1, Ordering::SeqCst) + 1;
            if queue.send((number, request)).is_err() {
                tracing::error!("the cells' task has ended");
            }
        } else {
            act_at_once(&kernel, &request.content);
            tokio::spawn(dispatch::serve(
                Arc::clone(&kernel),
                request,
                replies.clone(),
            ));
        }
    }
}

async fn serve_cells(
    kernel: Arc<Kernel>,
    mut cells: mpsc::UnboundedReceiver<(u64, JupyterMessage)>,
    replies: Replies,
) {
    while let Some((number, request)) = cells.recv().await {
        if number <= kernel.aborted_up_to.load(Ordering::SeqCst) {
            abort(&kernel, &request, &replies).await;
        } else {
            dispatch::serve(Arc::clone(&kernel), request, replies.clone()).await;
        }
    }
}

async fn abort(kernel: &Kernel, request: &JupyterMessage, replies: &Replies) {
    let iopub = &kernel.session.iopub;
    iopub.send(messages::status(Some(request), "busy")).await;
    let content = crate::handlers::execute::aborted();
    if replies
        .send(messages::child_of(request, "execute_reply", content))
        .is_err()
    {
        tracing::error!("the replies' task has ended");
    }
    iopub.send(messages::status(Some(request), "idle")).await;
}

async fn serve_control(kernel: Arc<Kernel>, mut requests: Requests, replies: Replies) {
    loop {
        let request = requests.next().await;
        act_at_once(&kernel, &request.content);
        dispatch::serve(Arc::clone(&kernel), request, replies.clone()).await;
    }
}

/// What must not wait for its busy: while a client does not read what a cell floods,
/// nothing gets through to IOPub.
fn act_at_once(kernel: &Arc<Kernel>, request: &JupyterMessageContent) {
    match request {
        JupyterMessageContent::InterruptRequest(_) => kernel.interrupt(),
        JupyterMessageContent::ShutdownRequest(_) => {
            let kernel = Arc::clone(kernel);
            tokio::spawn(async move {
                tokio::time::sleep(LAST_FLUSH).await;
                kernel.request_end();
            });
        }
        _ => {}
    }
}

/// SIGINT interrupts the cell, as an interrupt request does; SIGTERM and the death of
/// the process that started us end the kernel.
async fn wait_for_the_end(kernel: &Arc<Kernel>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = match (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) {
        (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "signals cannot be handled");
            kernel.end.notified().await;
            return;
        }
    };
    let mut parents_death = std::pin::pin!(crate::parent::death());
    loop {
        tokio::select! {
            () = kernel.end.notified() => return,
            _ = terminate.recv() => return,
            () = &mut parents_death => return,
            _ = interrupt.recv() => kernel.interrupt(),
        }
    }
}
