//! What conda, rattler and the environment say is honoured as their users expect.
//!
//! One test for each line of the table in `docs/guide/configuration.md`.

mod channels;
pub(crate) mod network;
mod table;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::Duration,
};

use gpuenv_testkit::Fault;

use crate::lab::{Lab, entries, recipe, skipped};

/// A laboratory whose server nobody has named to gpuenv yet.
fn unnamed() -> Lab {
    let mut lab = Lab::with_tool();
    lab.sandbox.unset("GPUENV_MIRROR");
    lab
}

#[track_caller]
fn locks(lab: &Lab) {
    let _ = lab.sandbox.gpuenv(["lock", "demo.yaml"]).success();
    // Where it came from is no part of it.
    let lock = lab.sandbox.read("gpuenv.lock");
    assert!(
        lock.contains("https://conda.anaconda.org/conda-forge/"),
        "{lock}"
    );
    assert!(!lock.contains("127.0.0.1"), "{lock}");
}

#[test]
fn channel_alias_of_condarc() {
    let lab = unnamed();
    lab.sandbox.write(
        "../home/.condarc",
        format!("channel_alias: {}\n", lab.server.url()),
    );
    locks(&lab);
}

#[test]
fn custom_channels_of_condarc() {
    let lab = unnamed();
    lab.sandbox.write(
        "../home/.condarc",
        format!("custom_channels:\n  conda-forge: {}\n", lab.server.url()),
    );
    locks(&lab);
}

#[test]
fn mirrored_channels_of_condarc() {
    let lab = unnamed();
    let text = format!(
        "mirrored_channels:\n  conda-forge: [{}conda-forge]\n",
        slashed(lab.server.url())
    );
    lab.sandbox.write("../home/.config/conda/.condarc", text);
    locks(&lab);
}

#[test]
fn mirrors_of_rattler_and_pixi() {
    for file in [
        "../home/.config/rattler/config.toml",
        "../home/.pixi/config.toml",
    ] {
        let lab = unnamed();
        let text = format!(
            "[mirrors]\n\"https://conda.anaconda.org/conda-forge\" = [\"{}conda-forge\"]\n",
            slashed(lab.server.url())
        );
        lab.sandbox.write(file, text);
        locks(&lab);
    }
}

fn slashed(url: impl Into<String>) -> String {
    let url = url.into();
    match url.ends_with('/') {
        true => url,
        false => format!("{url}/"),
    }
}

#[test]
fn condarc_names_another_file_and_gpuenv_is_stronger() {
    let mut lab = unnamed();
    let good = lab.sandbox.write(
        "mine.condarc",
        format!("channel_alias: {}\n", lab.server.url()),
    );
    lab.sandbox.write(
        "../home/.condarc",
        "custom_channels:\n  conda-forge: http://127.0.0.1:9/nowhere\n",
    );
    lab.sandbox.set("CONDARC", &good);
    lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
    // The file that is named comes first, but the other one names the channel itself.
    let _ = lab.sandbox.gpuenv(["lock", "demo.yaml"]).code(13);
    lab.sandbox.set("GPUENV_MIRROR", lab.server.url());
    locks(&lab);
}

#[test]
fn channels_of_condarc_count_only_where_nothing_names_one() {
    let lab = unnamed();
    lab.sandbox
        .write("../home/.condarc", "channels: [my-lab, defaults]\n");
    let imported = lab
        .sandbox
        .gpuenv(["import", "conda install numpy"])
        .success();
    assert!(
        imported.stdout().contains("channels: [my-lab]"),
        "{}",
        imported.stdout()
    );
    let imported = lab
        .sandbox
        .gpuenv(["import", "conda install -c bioconda numpy"])
        .success();
    assert!(
        imported.stdout().contains("channels: [bioconda]"),
        "{}",
        imported.stdout()
    );
    lab.sandbox.write("../home/.condarc", "");
    lab.sandbox.write(
        "../home/.config/pixi/config.toml",
        "default-channels = [\"my-lab\"]\n",
    );
    let imported = lab
        .sandbox
        .gpuenv(["import", "conda install numpy"])
        .success();
    assert!(
        imported.stdout().contains("channels: [my-lab]"),
        "{}",
        imported.stdout()
    );
}

/// A proxy that serves nothing, and tells what it was asked for.
fn proxy() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (asked, heard) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut line = String::new();
            let _ = BufReader::new(&connection).read_line(&mut line);
            let _ = asked.send(line);
            let _ = (&connection).write_all(
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
    });
    (url, heard)
}

#[track_caller]
fn asked(heard: &mpsc::Receiver<String>) -> Option<String> {
    heard.recv_timeout(Duration::from_millis(200)).ok()
}

#[test]
fn proxies_of_condarc_rattler_and_the_environment() {
    let (url, heard) = proxy();
    let far = ["lock", "demo.yaml", "--mirror", "http://far.invalid/"];
    let condarc = format!("proxy_servers:\n  http: {url}\n");
    let toml = format!("[proxy-config]\nhttp = \"{url}\"\n");
    for (file, text) in [
        ("../home/.condarc", &condarc),
        ("../home/.config/rattler/config.toml", &toml),
    ] {
        let mut lab = unnamed();
        lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
        lab.sandbox.write(file, text);
        let _ = lab.sandbox.gpuenv(far);
        let line = asked(&heard).expect("the proxy is asked");
        assert!(line.contains("http://far.invalid/conda-forge/"), "{line}");
        while asked(&heard).is_some() {}
    }
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let mut lab = unnamed();
        lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
        // The environment is stronger than a file.
        lab.sandbox.write(
            "../home/.condarc",
            "proxy_servers:\n  http: http://127.0.0.1:9\n",
        );
        lab.sandbox.set(name, &url);
        let _ = lab.sandbox.gpuenv(far);
        assert!(asked(&heard).is_some(), "{name}");
        while asked(&heard).is_some() {}
        lab.sandbox.set("NO_PROXY", "far.invalid");
        let _ = lab.sandbox.gpuenv(far);
        assert!(asked(&heard).is_none(), "NO_PROXY with {name}");
    }
}

#[test]
fn credentials_of_rattlers_configuration() {
    let lab = Lab::with_tool();
    lab.server.inject(Fault::require_bearer("tk-1"));
    let file = lab
        .sandbox
        .write("auth.json", "{\"127.0.0.1\": {\"BearerToken\": \"tk-1\"}}");
    let _ = lab.sandbox.gpuenv(["lock", "demo.yaml"]).code(13);
    let text = format!(
        "authentication-override-file = {:?}\n",
        file.display().to_string()
    );
    lab.sandbox
        .write("../home/.config/rattler/config.toml", text);
    locks(&lab);
}

#[test]
fn package_folders_of_conda() {
    let mut lab = Lab::with_tool();
    lab.sandbox.unset("RATTLER_CACHE_DIR");
    lab.sandbox
        .write("../home/.condarc", "pkgs_dirs: [~/pkgs]\n");
    let _ = lab.sandbox.gpuenv(["create", "demo.yaml"]).success();
    assert!(!entries(&lab.sandbox.home().join("pkgs/gpuenv/pkgs")).is_empty());
    let named = lab.sandbox.work().join("named");
    lab.sandbox.set("CONDA_PKGS_DIRS", &named);
    let _ = lab
        .sandbox
        .gpuenv(["create", "demo.yaml", "-n", "two"])
        .success();
    assert!(!entries(&named.join("gpuenv/pkgs")).is_empty());
    let strongest = lab.sandbox.work().join("strongest");
    lab.sandbox.set("RATTLER_CACHE_DIR", &strongest);
    let _ = lab
        .sandbox
        .gpuenv(["create", "demo.yaml", "-n", "three"])
        .success();
    assert!(!entries(&strongest.join("pkgs")).is_empty());
}

#[test]
fn offline_of_condarc() {
    let lab = Lab::with_tool();
    lab.sandbox.write("../home/.condarc", "offline: true\n");
    let _ = lab
        .sandbox
        .gpuenv(["lock", "demo.yaml"])
        .code(13)
        .stderr_has("GE304");
}

#[test]
fn verification_is_never_switched_off() {
    let lab = Lab::with_tool();
    lab.sandbox.write("../home/.condarc", "ssl_verify: false\n");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["lock", "demo.yaml"]), @"
    exit code: 0
    ----- stdout -----
    linux-64: 2 packages, 2 added, 0 removed, 0 changed
    lock `gpuenv.lock` is written
    ----- stderr -----
    warning[GE517]: `ssl_verify: false` is not followed: what a server sends would be anybody's
     --> [SANDBOX]/home/.condarc:1:13
      |
    1 | ssl_verify: false
      |             ^^^^^
    help: name the certificates instead: `export SSL_CERT_FILE=/path/ca.pem`
    docs: `gpuenv explain GE517`
    reading channels
    read 2 channel indexes ([SIZE]) in [TIME]
    solving for linux-64
    solved for linux-64: 2 packages in [TIME]
    ");
    lab.sandbox
        .write("../home/.condarc", "ssl_verify: /nowhere/ca.pem\n");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["lock", "demo.yaml", "--upgrade"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE517]: `/nowhere/ca.pem`, which the configuration names, cannot be read
    cause: failed to open file `/nowhere/ca.pem`: No such file or directory (os error 2)
    help: mend `ssl_verify` in `.condarc` or `authentication-override-file` in `config.toml`
    docs: `gpuenv explain GE517`
    ");
}

#[test]
fn an_override_that_is_no_version_is_refused() {
    let mut lab = Lab::new();
    lab.sandbox.set("CONDA_OVERRIDE_CUDA", "abc");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["list"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE517]: `$CONDA_OVERRIDE_CUDA` is `abc`, which is no version
    help: `export CONDA_OVERRIDE_CUDA=12.4`, or `unset CONDA_OVERRIDE_CUDA`
    docs: `gpuenv explain GE517`
    ");
    for good in ["12.4", "", "12"] {
        lab.sandbox.set("CONDA_OVERRIDE_CUDA", good);
        let _ = lab.sandbox.gpuenv(["list"]).success();
    }
    // It says what this machine is taken to have, and never changes a lock.
    lab.sandbox.write("demo.yaml", recipe("demo", &["tool"]));
    lab.publish_tool("1.0");
    lab.sandbox.set("CONDA_OVERRIDE_CUDA", "9.0");
    let _ = lab.sandbox.gpuenv(["lock", "demo.yaml"]).success();
    assert!(!lab.sandbox.read("gpuenv.lock").contains("__cuda"));
}

#[test]
fn a_broken_file_is_told_with_its_place() {
    let lab = Lab::with_tool();
    lab.sandbox.write(
        "../home/.condarc",
        "channels: [a\nproxy_servers: {https: x}\n",
    );
    insta::assert_snapshot!(lab.sandbox.gpuenv(["lock", "demo.yaml"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE517]: conda's configuration: the file is not valid YAML: illegal placement of `:` indicator
     --> [SANDBOX]/home/.condarc:2:14
      |
    2 | proxy_servers: {https: x}
      |              ^
    help: put text that holds `: ` into quotes, and close every `[` and `{` before this
    docs: `gpuenv explain GE517`
    ");
    // What needs no network does not read it.
    let _ = lab.sandbox.gpuenv(["list"]).success();
}

/// Serves a folder over TLS with a certificate of its own.
const TLS_SERVER: &str = "
import http.server, ssl, sys, os
os.chdir(sys.argv[1])
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
";

#[test]
fn certificates_of_the_environment_and_of_condarc() {
    use std::process::{Command, Stdio};
    let mut lab = Lab::with_tool();
    lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
    let (certificate, key) = (
        lab.sandbox.work().join("ca.pem"),
        lab.sandbox.work().join("key.pem"),
    );
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return skipped("no openssl");
    }
    let channel = lab.channel.root();
    let served = Command::new("python3")
        .args(["-c", TLS_SERVER])
        .arg(channel)
        .arg(&certificate)
        .arg(&key)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut server) = served else {
        return skipped("no python3");
    };
    let mut port = String::new();
    let output = server.stdout.take().expect("it is piped");
    BufReader::new(output)
        .read_line(&mut port)
        .expect("it says its port");
    lab.sandbox.set(
        "GPUENV_MIRROR",
        format!("https://localhost:{}/", port.trim()),
    );
    let untrusted = lab.sandbox.gpuenv(["lock", "demo.yaml"]);
    lab.sandbox.write(
        "../home/.condarc",
        format!("ssl_verify: {}\n", certificate.display()),
    );
    let by_condarc = lab.sandbox.gpuenv(["lock", "demo.yaml"]);
    lab.sandbox.write("../home/.condarc", "");
    lab.sandbox.set("SSL_CERT_FILE", &certificate);
    let by_environment = lab.sandbox.gpuenv(["lock", "demo.yaml", "--upgrade"]);
    server.kill().expect("it runs");
    let _ = server.wait();
    let _ = untrusted.code(13);
    let _ = by_condarc.success();
    let _ = by_environment.success();
}
