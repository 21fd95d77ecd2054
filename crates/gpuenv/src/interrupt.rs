//! SIGINT and SIGTERM, turned into a request that long work looks at.

use gpuenv_provision::{Cancel, Canceller};

/// Returns what is asked to stop by the first signal. To be called in a runtime.
pub fn cancel_on_signal() -> Cancel {
    let (canceller, cancel) = Cancel::pair();
    tokio::spawn(listen(canceller));
    cancel
}

async fn listen(canceller: Canceller) {
    wait().await;
    canceller.cancel();
    // Dropped, it could no longer be asked whether it was cancelled.
    std::future::pending::<()>().await;
}

#[cfg(unix)]
async fn wait() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => if result.is_err() {
            std::future::pending::<()>().await;
        },
    }
}

#[cfg(not(unix))]
async fn wait() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
