//! The ways into the network that uv goes: those of gpuenv, unless uv's own
//! variables say otherwise.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use super::Uv;
use crate::{Access, access::Ways};

impl Uv {
    /// Returns the same uv on the ways into the network that everything else goes.
    pub(super) fn on_ways(&self, access: &Access) -> Self {
        let mut uv = self.clone();
        let mut set = |name: &str, others: &[&str], value: OsString| {
            let has = |name: &str| uv.variables.contains_key(&OsString::from(name));
            if !has(name) && !others.iter().any(|name| has(name)) {
                uv.variables.insert(name.into(), value);
            }
        };
        let seconds = access.silence.as_secs().max(1);
        set(
            "UV_HTTP_TIMEOUT",
            &["UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"],
            seconds.to_string().into(),
        );
        set("UV_HTTP_RETRIES", &[], access.retries.to_string().into());
        if access.wheels.keyring.is_some() {
            set("UV_KEYRING_PROVIDER", &[], "subprocess".into());
        }
        for (name, value) in of_configuration(&access.ways) {
            set(name, &[&name.to_lowercase()], value);
        }
        uv
    }
}

/// Returns the variables that stand for what a neighbour's configuration says. It was
/// read only as far as no variable says otherwise.
fn of_configuration(ways: &Ways) -> BTreeMap<&'static str, OsString> {
    let mut variables = BTreeMap::new();
    let proxies = [
        ("HTTPS_PROXY", &ways.https_proxy),
        ("HTTP_PROXY", &ways.http_proxy),
    ];
    for (name, proxy) in proxies {
        if let Some(proxy) = proxy {
            variables.insert(name, proxy.into());
        }
    }
    if !variables.is_empty() && !ways.no_proxy.is_empty() {
        variables.insert("NO_PROXY", ways.no_proxy.join(",").into());
    }
    if let Some(file) = &ways.certificates {
        variables.insert("SSL_CERT_FILE", file.into());
        // A file alone would take the place of the system's certificates.
        let system = SYSTEM.iter().find(|place| Path::new(place).is_dir());
        if let Some(system) = system {
            variables.insert("SSL_CERT_DIR", system.into());
        }
    }
    variables
}

/// Where systems keep the certificates that they trust.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted/pem",
    "/usr/share/ca-certificates",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_configuration_says_reaches_uv_where_no_variable_does() {
        let ways = Ways {
            https_proxy: Some("http://p:1".to_string()),
            no_proxy: vec!["a".to_string(), ".b".to_string()],
            ..Ways::default()
        };
        let found = of_configuration(&ways);
        let found: Vec<String> = found
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_string_lossy()))
            .collect();
        assert_eq!(found, ["HTTPS_PROXY=http://p:1", "NO_PROXY=a,.b"]);
        assert_eq!(of_configuration(&Ways::default()), BTreeMap::new());
    }
}
