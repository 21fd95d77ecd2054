//! A request to stop, which long work looks at.

use tokio::sync::watch;

/// Hears whether the work should stop.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<bool>);

/// Says that the work should stop. It goes on when this is dropped.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

impl Canceller {
    /// Asks everything that hears this to stop.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancel {
    /// Returns both ends.
    pub fn pair() -> (Canceller, Cancel) {
        let (sender, receiver) = watch::channel(false);
        (Canceller(sender), Cancel(receiver))
    }

    /// Returns one that is never asked.
    pub fn never() -> Self {
        Self::pair().1
    }

    /// Returns whether to stop.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until asked to stop.
    pub async fn asked(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|asked| *asked).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}
