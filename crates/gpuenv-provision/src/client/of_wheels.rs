//! Logins that count for wheels only: those of uv's settings, and those of the keyring.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Extensions, HeaderValue, StatusCode, header::AUTHORIZATION};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

use crate::{
    access::WheelWays,
    keyring::{Keyring, Login},
};

/// Marks a request for a wheel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfWheel;

/// Shows the logins that uv's settings hold to their own servers.
pub(super) struct Known(pub(super) WheelWays);

#[async_trait]
impl Middleware for Known {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        if is_open(&request, extensions) {
            let login = self.0.login_for(request.url());
            add(&mut request, login);
        }
        next.run(request, extensions).await
    }
}

/// Asks the keyring where a server refuses.
pub(super) struct Asked(pub(super) Arc<Keyring>);

#[async_trait]
impl Middleware for Asked {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let again = request.try_clone();
        let again = again.filter(|request| is_open(request, extensions));
        let answer = next.clone().run(request, extensions).await?;
        // Some servers say that there is nothing where one may not see it.
        let is_refused = [
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::NOT_FOUND,
        ]
        .contains(&answer.status());
        let Some(mut again) = again.filter(|_| is_refused) else {
            return Ok(answer);
        };
        let Some(login) = self.0.login(again.url()).await else {
            return Ok(answer);
        };
        add(&mut again, Some(login));
        next.run(again, extensions).await
    }
}

/// Returns whether nobody has said who asks for a wheel.
fn is_open(request: &Request, extensions: &Extensions) -> bool {
    extensions.get::<OfWheel>().is_some() && !request.headers().contains_key(AUTHORIZATION)
}

fn add(request: &mut Request, login: Option<Login>) {
    let Some(login) = login else {
        return;
    };
    let encoded = STANDARD.encode(format!("{}:{}", login.name, login.password));
    if let Ok(mut header) = HeaderValue::from_str(&format!("Basic {encoded}")) {
        header.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, header);
    }
}
