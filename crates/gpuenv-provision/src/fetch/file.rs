//! A file that stays as it is: source code, which is no package.

use std::{io, path::Path, sync::Arc};

use futures::StreamExt;
use gpuenv_core::Reporter;
use tokio::io::AsyncWriteExt;
use url::Url;

use super::body::{Body, Request};
use crate::{Access, client};

/// Downloads a file of at most so many bytes; a connection that breaks is taken up again.
///
/// # Errors
/// Says why it is not there, without its address, which may hold a secret.
pub(crate) async fn file(
    canonical: &Url,
    to: &Path,
    most: u64,
    access: &Access,
    reporter: Arc<dyn Reporter>,
) -> io::Result<()> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let mut body = Body::new(Request {
        client: client::client(access).map_err(io::Error::other)?,
        url: access.place(canonical)?,
        package: name.into_owned(),
        is_wheel: true,
        size: None,
        retries: access.retries,
        anew: false,
        reporter,
    });
    let written = write(&mut body, to, most).await;
    match body.take_failure() {
        Some(failure) => {
            let trouble = failure.trouble.to_string();
            let told = std::iter::once(trouble).chain(failure.causes);
            Err(io::Error::other(told.collect::<Vec<_>>().join(": ")))
        }
        None => written,
    }
}

async fn write(body: &mut Body, to: &Path, most: u64) -> io::Result<()> {
    let mut out = tokio::fs::File::create(to).await?;
    let mut length = 0;
    let mut bytes = std::pin::pin!(body.stream());
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk?;
        length += chunk.len() as u64;
        if length > most {
            return Err(io::Error::other(format!("it is larger than {most} bytes")));
        }
        out.write_all(&chunk).await?;
    }
    out.flush().await
}
