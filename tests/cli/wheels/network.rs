//! The ways to indexes and files of wheels: mirrors, proxies, certificates.

use std::process::Command;

use fs_err as fs;
use gpuenv_testkit::Wheel;

use crate::{
    configuration::network::tls,
    lab::skipped,
    wheel_sources::{Sources, sources},
};

/// Sources with `leaf` in an index, and what may fail quickly.
fn hasty(mut sources: Sources) -> Sources {
    sources.sandbox.set("GPUENV_HTTP_RETRIES", "0");
    sources.publish("main", Wheel::new("leaf", "1.0"), "leaf");
    sources
}

impl Sources {
    /// Locks anew and makes an environment from nothing; returns the lock.
    #[track_caller]
    fn made(&self) -> String {
        let _ = fs::remove_file(self.sandbox.work().join("gpuenv.lock"));
        let _ = fs::remove_dir_all(self.sandbox.package_cache());
        let _ = self.gpuenv(&["create", "./demo.yaml", "--force"]).success();
        self.sandbox.read("gpuenv.lock")
    }
}

#[test]
fn mirrors_of_indexes_are_asked_and_the_lock_names_what_they_mirror() {
    let sources = hasty(sources!());
    let main = sources.index("main");
    sources.publish("lab", Wheel::new("leaf", "1.0"), "leaf");
    // PyPI itself, and an index that only the mirror makes reachable.
    let text = format!(
        "[mirrors]\n\"https://pypi.org/simple\" = [\"{main}\"]\n\"https://wheels.invalid\" = [\"{}/lab\"]\n",
        sources.server.url()
    );
    sources
        .sandbox
        .write("../home/.config/rattler/config.toml", text);
    let file = "leaf/leaf-1.0-py3-none-any.whl";
    for (options, url) in [
        (
            "  allow-two-cuda-runtimes: false\n",
            format!("https://pypi.org/simple/{file}"),
        ),
        (
            "  index-url: https://pypi.org/simple\n",
            format!("https://pypi.org/simple/{file}"),
        ),
        (
            "  index-url: https://wheels.invalid/simple/\n",
            format!("https://wheels.invalid/simple/{file}"),
        ),
        (
            "  package-indexes: { leaf: \"https://wheels.invalid/simple\" }\n",
            format!("https://wheels.invalid/simple/{file}"),
        ),
        (
            "  index-url: https://wheels.invalid/none\n  extra-index-urls: [\"https://wheels.invalid/simple\"]\n",
            format!("https://wheels.invalid/simple/{file}"),
        ),
    ] {
        sources.recipe("[leaf]", options);
        let lock = sources.made();
        assert!(lock.contains(&url), "{options}{lock}");
        assert!(!lock.contains("127.0.0.1"), "{options}{lock}");
        let indexed = options.contains("wheels.invalid");
        assert_eq!(
            lock.contains("index: https://wheels.invalid/simple"),
            indexed,
            "{lock}"
        );
    }
    // What uv's own settings name takes the place of PyPI, and so of its mirror.
    sources.publish("machine", Wheel::new("leaf", "3.0"), "leaf");
    sources.recipe("[leaf]", "  allow-two-cuda-runtimes: false\n");
    let machine = sources.index("machine");
    let settings = format!("[[index]]\nurl = \"{machine}\"\ndefault = true\n");
    sources
        .sandbox
        .write("../home/.config/uv/uv.toml", settings);
    assert!(sources.made().contains("leaf-3.0"));
}

#[test]
fn proxies_lead_to_indexes_and_files() {
    let mut sources = hasty(sources!());
    // Only a proxy knows where that is; the server of the tests does as one.
    sources.recipe("[leaf]", "  index-url: http://far.invalid/main/simple\n");
    let refused = sources.gpuenv(&["lock", "./demo.yaml"]).code(13);
    let _ = refused
        .stderr_has("error[GE327]: `http://far.invalid/main/simple/leaf/` cannot be read")
        .stderr_has("the network knows no host of that name");
    let proxy = sources.server.url();
    let through = |sources: &Sources| {
        let lock = sources.made();
        assert!(
            lock.contains("http://far.invalid/main/simple/leaf/leaf-1.0"),
            "{lock}"
        );
    };
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        sources.sandbox.set(name, &proxy);
        through(&sources);
        sources.sandbox.set("NO_PROXY", "far.invalid");
        let _ = sources
            .gpuenv(&["lock", "./demo.yaml", "--upgrade"])
            .code(13);
        sources.sandbox.unset("NO_PROXY");
        sources.sandbox.unset(name);
    }
    for (file, text) in [
        (".condarc", format!("proxy_servers:\n  http: {proxy}\n")),
        (
            ".config/rattler/config.toml",
            format!("[proxy-config]\nhttp = \"{proxy}\"\n"),
        ),
    ] {
        let file = format!("../home/{file}");
        sources.sandbox.write(&file, text);
        through(&sources);
        sources.sandbox.write(&file, "");
    }
    let hosts = format!("[proxy-config]\nhttp = \"{proxy}\"\nnon-proxy-hosts = [\".invalid\"]\n");
    sources
        .sandbox
        .write("../home/.config/rattler/config.toml", hosts);
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--upgrade"])
        .code(13);
}

#[test]
fn certificates_of_the_users_own_vouch_for_indexes_and_files() {
    let mut sources = hasty(sources!());
    let work = sources.sandbox.work();
    let tls = match tls(sources.channel.root(), &work) {
        Ok(tls) => tls,
        Err(why) => return skipped(why),
    };
    sources.recipe("[leaf]", &format!("  index-url: {}main/simple\n", tls.url));
    let refused = sources.gpuenv(&["lock", "./demo.yaml"]).code(13);
    let _ = refused
        .stderr_has("error[GE327]")
        .stderr_has("its certificate is not trusted")
        .stderr_has("`export SSL_CERT_FILE=/path/ca.pem`");
    let certificate = work.join("ca.pem");
    let condarc = format!("ssl_verify: {}\n", certificate.display());
    sources.sandbox.write("../home/.condarc", condarc);
    assert!(sources.made().contains(&tls.url));
    sources.sandbox.write("../home/.condarc", "");
    sources.sandbox.set("SSL_CERT_FILE", &certificate);
    assert!(sources.made().contains(&tls.url));
    sources.sandbox.unset("SSL_CERT_FILE");
    let directory = work.join("certificates");
    fs::create_dir(&directory).expect("the folder is ours");
    fs::copy(&certificate, directory.join("ca.pem")).expect("it is there");
    let rehash = Command::new("openssl")
        .arg("rehash")
        .arg(&directory)
        .status();
    if !rehash.is_ok_and(|status| status.success()) {
        return skipped("no openssl rehash");
    }
    sources.sandbox.set("SSL_CERT_DIR", &directory);
    assert!(sources.made().contains(&tls.url));
}
