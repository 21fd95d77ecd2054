//! The lines of the table that are about proxies, certificates and logins.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use gpuenv_testkit::Fault;

use super::{asked, locks, proxy, unnamed};
use crate::lab::{Lab, skipped};

/// What a channel far away is asked for.
const FAR: [&str; 4] = ["lock", "demo.yaml", "--mirror", "https://far.invalid/"];

#[test]
fn https_goes_through_its_own_proxy() {
    let (url, heard) = proxy();
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let mut lab = unnamed();
        lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
        lab.sandbox.set(name, &url);
        let _ = lab.sandbox.gpuenv(FAR);
        let line = asked(&heard).unwrap_or_else(|| panic!("{name}"));
        assert!(
            line.starts_with("CONNECT far.invalid:443"),
            "{name}: {line}"
        );
        while asked(&heard).is_some() {}
        // It is none for the other scheme.
        let plain = ["lock", "demo.yaml", "--mirror", "http://far.invalid/"];
        let _ = lab.sandbox.gpuenv(plain);
        assert_eq!(asked(&heard).is_some(), name == "ALL_PROXY", "{name}");
        while asked(&heard).is_some() {}
    }
    let lab = unnamed();
    let condarc = format!("proxy_servers:\n  https: {url}\n");
    lab.sandbox.write("../home/.condarc", condarc);
    let _ = lab
        .sandbox
        .command(FAR)
        .env("GPUENV_HTTP_RETRIES", "0")
        .run();
    let line = asked(&heard).expect("the proxy of .condarc is asked");
    assert!(line.starts_with("CONNECT far.invalid:443"), "{line}");
}

#[test]
fn hosts_without_a_proxy_in_the_configuration_of_rattler() {
    let (url, heard) = proxy();
    let mut lab = unnamed();
    lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
    let configured = |hosts: &str| {
        let text = format!("[proxy-config]\nhttps = \"{url}\"\nnon-proxy-hosts = [{hosts}]\n");
        lab.sandbox
            .write("../home/.config/rattler/config.toml", text);
        let _ = lab.sandbox.gpuenv(FAR);
        let was_asked = asked(&heard).is_some();
        while asked(&heard).is_some() {}
        was_asked
    };
    assert!(configured("\"other.invalid\""));
    assert!(!configured("\"far.invalid\""));
    assert!(!configured("\"other.invalid\", \".invalid\""));
}

#[test]
fn no_proxy_in_all_its_forms() {
    let (url, heard) = proxy();
    let mut lab = unnamed();
    lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
    lab.sandbox.set("HTTP_PROXY", &url);
    let was_asked = |lab: &Lab, place: &str, hosts: &str| {
        let lock = ["lock", "demo.yaml", "--mirror", place];
        let lock = lab.sandbox.command(lock).env("NO_PROXY", hosts);
        let _ = lock.run();
        let was_asked = asked(&heard).is_some();
        while asked(&heard).is_some() {}
        was_asked
    };
    for (place, hosts, is_asked) in [
        ("http://far.invalid/", "near.invalid", true),
        ("http://far.invalid/", "far.invalid", false),
        ("http://a.far.invalid/", "near.invalid, .far.invalid", false),
        ("http://a.far.invalid/", "far.invalid", false),
        ("http://notfar.invalid/", "far.invalid", true),
        ("http://far.invalid/", "*", false),
        ("http://127.0.0.1:9/", "10.0.0.0/8", true),
        ("http://127.0.0.1:9/", "127.0.0.1", false),
        ("http://127.0.0.1:9/", "127.0.0.0/8", false),
    ] {
        assert_eq!(
            was_asked(&lab, place, hosts),
            is_asked,
            "{hosts} for {place}"
        );
    }
    // It counts for the proxy of a file too.
    lab.sandbox.unset("HTTP_PROXY");
    lab.sandbox.write(
        "../home/.condarc",
        format!("proxy_servers:\n  http: {url}\n"),
    );
    assert!(was_asked(&lab, "http://far.invalid/", "near.invalid"));
    assert!(!was_asked(&lab, "http://far.invalid/", "far.invalid"));
}

#[test]
fn what_would_change_a_lock_is_not_followed() {
    let lab = Lab::with_tool();
    locks(&lab);
    let lock = lab.sandbox.read("gpuenv.lock");
    lab.sandbox.write(
        "../home/.condarc",
        "channel_priority: disabled\nchannels: [other]\ncreate_default_packages: [lib]\npinned_packages: [tool=9]\nallowlist_channels: [other]\n\
         solver: classic\ndefault_threads: 1\nshow_channel_urls: true\n",
    );
    lab.sandbox.write(
        "../home/.config/pixi/config.toml",
        "detached-environments = true\npinning-strategy = \"exact-version\"\n[pypi-config]\nindex-url = \"http://127.0.0.1:9/\"\n",
    );
    let _ = lab
        .sandbox
        .gpuenv(["lock", "demo.yaml", "--upgrade"])
        .success();
    assert_eq!(lab.sandbox.read("gpuenv.lock"), lock);
}

#[test]
fn verification_is_not_switched_off_by_rattler_or_pixi_either() {
    for file in [
        "../home/.config/rattler/config.toml",
        "../home/.pixi/config.toml",
    ] {
        let lab = Lab::with_tool();
        lab.sandbox.write(file, "tls-no-verify = true\n");
        let _ = lab
            .sandbox
            .gpuenv(["lock", "demo.yaml"])
            .success()
            .stderr_has("GE517")
            .stderr_has("`tls-no-verify`")
            .stderr_has("SSL_CERT_FILE");
    }
}

#[test]
fn logins_of_netrc() {
    let mut lab = Lab::with_tool();
    lab.server.inject(Fault::require_basic("me", "hunter2"));
    let _ = lab.sandbox.gpuenv(["lock", "demo.yaml"]).code(13);
    let netrc = "machine 127.0.0.1 login me password hunter2\n";
    lab.sandbox.write("../home/.netrc", netrc);
    locks(&lab);
    // A file that is named comes before the one at home.
    lab.sandbox.write(
        "../home/.netrc",
        "machine 127.0.0.1 login me password wrong\n",
    );
    let named = lab.sandbox.write("mine", netrc);
    lab.sandbox.set("NETRC", named);
    let upgraded = lab
        .sandbox
        .gpuenv(["lock", "demo.yaml", "--upgrade"])
        .success();
    let _ = upgraded.says_nowhere("hunter2");
}

/// A server of the channel over TLS, with a certificate of its own.
pub(crate) struct Tls {
    server: Child,
    pub(crate) url: String,
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Serves a folder over TLS; the certificate is `ca.pem` in the work folder.
pub(crate) fn tls(folder: &Path, work: &Path) -> Result<Tls, &'static str> {
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(' '))
        .args("-addext subjectAltName=DNS:localhost -addext".split(' '))
        .arg("basicConstraints=critical,CA:FALSE")
        .args(["-out", "ca.pem", "-keyout", "key.pem"])
        .current_dir(work)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return Err("no openssl");
    }
    let mut server = Command::new("python3")
        .args(["-c", super::TLS_SERVER])
        .arg(folder)
        .args([work.join("ca.pem"), work.join("key.pem")])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| "no python3")?;
    let mut port = String::new();
    let output = server.stdout.take().expect("it is piped");
    BufReader::new(output)
        .read_line(&mut port)
        .expect("it says its port");
    let url = format!("https://localhost:{}/", port.trim());
    Ok(Tls { server, url })
}

#[test]
fn a_directory_of_certificates_of_the_environment() {
    let mut lab = Lab::with_tool();
    lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
    let tls = match tls(lab.channel.root(), &lab.sandbox.work()) {
        Ok(tls) => tls,
        Err(why) => return skipped(why),
    };
    lab.sandbox.set("GPUENV_MIRROR", &tls.url);
    let _ = lab.sandbox.gpuenv(["lock", "demo.yaml"]).code(13);
    let directory = lab.sandbox.work().join("certificates");
    fs_err::create_dir(&directory).expect("the folder is ours");
    fs_err::copy(lab.sandbox.work().join("ca.pem"), directory.join("ca.pem")).expect("it is there");
    // A directory is read by hashes of the subjects, as `openssl rehash` names them.
    let rehashed = Command::new("openssl")
        .arg("rehash")
        .arg(&directory)
        .status();
    if !rehashed.is_ok_and(|status| status.success()) {
        return skipped("no openssl rehash");
    }
    lab.sandbox.set("SSL_CERT_DIR", &directory);
    locks(&lab);
}
