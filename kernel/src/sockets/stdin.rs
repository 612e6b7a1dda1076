//! Stdin: questions of a running cell to the client that started it.

use super::router::{Replies, Requests};
use crate::evaluator::InputRefused;
use crate::messages;
use jupyter_protocol::{JupyterMessage, JupyterMessageContent};
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::oneshot;

/// Where the answer to the question being asked goes.
type Asker = oneshot::Sender<Result<String, InputRefused>>;

/// Asks questions; cheap to clone.
#[derive(Clone)]
pub struct Stdin {
    replies: Replies,
    waiting: Arc<Mutex<Option<Asker>>>,
}

impl Stdin {
    /// Starts the task that receives answers.
    pub fn start(mut requests: Requests, replies: Replies) -> Stdin {
        let stdin = Stdin {
            replies,
            waiting: Arc::default(),
        };
        let receiving = stdin.clone();
        tokio::spawn(async move {
            loop {
                let message = requests.next().await;
                if let JupyterMessageContent::InputReply(reply) = message.content {
                    receiving.answer(Ok(reply.value));
                } else {
                    tracing::warn!(
                        message_type = message.message_type(),
                        "unexpected message on stdin dropped"
                    );
                }
            }
        });
        stdin
    }

    /// Asks the client behind `request`; blocks the calling thread until there is an answer.
    ///
    /// # Errors
    /// [`InputRefused::Interrupted`] after [`Stdin::interrupt`].
    pub fn ask(
        &self,
        request: &JupyterMessage,
        prompt: &str,
        password: bool,
    ) -> Result<String, InputRefused> {
        let (sender, receiver) = oneshot::channel();
        *self.lock() = Some(sender);
        let question = messages::child_of(
            request,
            "input_request",
            json!({ "prompt": prompt, "password": password }),
        );
        if self.replies.send(question).is_err() {
            return Err(InputRefused::Interrupted);
        }
        receiver
            .blocking_recv()
            .unwrap_or(Err(InputRefused::Interrupted))
    }

    /// Ends a question that is being asked.
    pub fn interrupt(&self) {
        self.answer(Err(InputRefused::Interrupted));
    }

    fn answer(&self, answer: Result<String, InputRefused>) {
        if let Some(waiting) = self.lock().take() {
            // Nobody waits any more when the cell's process has died meanwhile.
            let _ = waiting.send(answer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Asker>> {
        self.waiting.lock().unwrap_or_else(|e| e.into_inner())
    }
}
