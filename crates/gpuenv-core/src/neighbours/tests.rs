//! What neighbours say, read from texts.

use super::*;
use crate::import::Text;

fn read(text: &Text) -> Result<Neighbour, Diagnostic> {
    condarc(text, &|_| None)
}

fn text(body: &str) -> Text {
    Text::decode("config", body.as_bytes()).unwrap()
}

#[test]
fn a_condarc_says_where_things_are() {
    let found = read(&text(
        "channels: [conda-forge, defaults]\nchannel_alias: https://conda.lab.example/\ncustom_channels:\n  mine: https://lab.example/channels\n\
         mirrored_channels:\n  conda-forge: [https://mirror.example/cf, https://other.example]\nproxy_servers:\n  http: http://p:3128\n  https: http://p:3129\n\
         ssl_verify: /etc/ca.pem\npkgs_dirs: [/scratch/pkgs]\nauto_activate_base: false\n",
    ))
    .unwrap();
    assert_eq!(found.own_channels(), ["conda-forge"]);
    insta::assert_snapshot!(found.mirrors.iter().map(|(base, to)| format!("{base} -> {to}")).collect::<Vec<_>>().join("\n"), @"
    https://conda.anaconda.org/ -> https://conda.lab.example/
    https://conda.anaconda.org/mine/ -> https://lab.example/channels/mine
    https://conda.anaconda.org/conda-forge/ -> https://mirror.example/cf
    ");
    assert_eq!(found.https_proxy.as_deref(), Some("http://p:3129"));
    assert_eq!(found.certificates.as_deref(), Some("/etc/ca.pem"));
    assert_eq!(found.package_folders, ["/scratch/pkgs"]);
}

#[test]
fn a_configuration_of_rattler_says_the_same() {
    let found = rattler(&text(
        "default-channels = [\"conda-forge\"]\ntls-no-verify = true\nauthentication-override-file = \"/a.json\"\n\
         [mirrors]\n\"https://conda.anaconda.org/conda-forge\" = [\"https://m.example/cf\"]\n[proxy-config]\nhttps = \"http://p:1\"\nnon-proxy-hosts = [\"lab\"]\n[pypi-config]\nkeyring-provider = \"subprocess\"\n",
    ))
    .unwrap();
    assert_eq!(
        found.mirrors,
        [(
            "https://conda.anaconda.org/conda-forge".to_string(),
            "https://m.example/cf".to_string()
        )]
    );
    assert_eq!(found.no_proxy, ["lab"]);
    assert_eq!(found.keyring.as_deref(), Some("subprocess"));
    assert_eq!(found.credentials.as_deref(), Some("/a.json"));
    assert_eq!(found.notes.len(), 1);
}

#[test]
fn the_stronger_one_wins_and_channels_add_up() {
    let strong = read(&text(
        "channels: [a]\nproxy_servers: {https: 'http://one:1'}\n",
    ))
    .unwrap();
    let weak = read(&text(
        "channels: [b, a]\nproxy_servers: {https: 'http://two:2', http: 'http://two:2'}\n",
    ))
    .unwrap();
    let both = strong.or(weak);
    assert_eq!(both.channels, ["a", "b"]);
    assert_eq!(both.https_proxy.as_deref(), Some("http://one:1"));
    assert_eq!(both.http_proxy.as_deref(), Some("http://two:2"));
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    for bad in ["channels: [a", "proxy_servers: {https: nowhere}", "\tx: 1"] {
        let error = read(&text(bad)).unwrap_err();
        assert_eq!(error.code, Code::CONFIG_BAD, "{bad}");
        assert!(
            error.place.is_some_and(|place| place.span.is_some()),
            "{bad}"
        );
    }
    assert_eq!(rattler(&text("a = [")).unwrap_err().code, Code::CONFIG_BAD);
    assert_eq!(read(&text("")), Ok(Neighbour::default()));
    assert_eq!(read(&text("# nothing\n")), Ok(Neighbour::default()));
}

#[test]
fn an_override_is_a_version() {
    for good in ["", "12", "12.4", "12.4.1", " 8.6 "] {
        assert_eq!(
            check_override("CONDA_OVERRIDE_CUDA", good),
            Ok(()),
            "{good}"
        );
    }
    for bad in ["abc", "12.", "-1", "12;rm", "1.2.3.4.5", "9999999"] {
        assert!(check_override("CONDA_OVERRIDE_CUDA", bad).is_err(), "{bad}");
    }
}

#[test]
fn what_defaults_stands_for_is_a_mirror_of_anacondas_channels() {
    let found = read(&text(
        "channels:\n  - defaults\ndefault_channels:\n  - https://mirror.example/anaconda/pkgs/main\n  - https://repo.anaconda.com/pkgs/r\n  - msys2\n  - https://lab.example/base/\n",
    ))
    .unwrap();
    assert_eq!(
        found.own_channels(),
        [
            "pkgs/main",
            "pkgs/r",
            "pkgs/msys2",
            "https://lab.example/base"
        ]
    );
    insta::assert_snapshot!(found.mirrors.iter().map(|(base, to)| format!("{base} -> {to}")).collect::<Vec<_>>().join("\n"), @"
    https://conda.anaconda.org/pkgs/main/ -> https://mirror.example/anaconda/pkgs/main
    https://repo.anaconda.com/pkgs/main/ -> https://mirror.example/anaconda/pkgs/main
    ");
    // conda takes `defaults` where no channel is named.
    let silent = read(&text("default_channels: [https://lab.example/base]\n")).unwrap();
    assert_eq!(silent.own_channels(), ["https://lab.example/base"]);
    assert_eq!(Neighbour::default().own_channels(), Vec::<String>::new());
}

#[test]
fn a_name_may_stand_for_several_channels() {
    let found = read(&text(
        "channels: [lab, conda-forge]\ncustom_multichannels:\n  lab: [defaults, /srv/channels/lab, bioconda]\n  defaults: [main]\n  empty: []\n",
    ))
    .unwrap();
    assert_eq!(
        found.own_channels(),
        [
            "pkgs/main",
            "file:///srv/channels/lab",
            "bioconda",
            "conda-forge"
        ]
    );
    assert_eq!(found.expanded(["nvidia", "lab", "bioconda"]).len(), 4);
    assert_eq!(found.members("empty"), Vec::<&str>::new());
}

#[test]
fn variables_are_written_out_and_secrets_stay_apart() {
    let lookup = |name: &str| match name {
        "HOST" => Some("lab.example".to_string()),
        "TOKEN" => Some("tk-1".to_string()),
        _ => None,
    };
    let found = condarc(
        &text(
            "channel_alias: https://${HOST}/conda\nchannels:\n  - https://me:$TOKEN@$HOST/private\n  - https://conda.anaconda.org/t/${TOKEN}/mine\ncustom_channels: {other: 'https://$NOWHERE/x'}\n",
        ),
        &lookup,
    )
    .unwrap();
    assert_eq!(
        found.own_channels(),
        ["https://lab.example/private", "mine"]
    );
    insta::assert_snapshot!(found.mirrors.iter().map(|(base, to)| format!("{base} -> {to}")).collect::<Vec<_>>().join("\n"), @"
    https://conda.anaconda.org/ -> https://lab.example/conda
    https://lab.example/private/ -> https://me:tk-1@lab.example/private
    https://conda.anaconda.org/mine/ -> https://conda.anaconda.org/t/tk-1/mine
    https://conda.anaconda.org/other/ -> https://$NOWHERE/x/other
    ");
    assert_eq!(found.notes.len(), 1);
    assert!(found.notes[0].message.contains("`NOWHERE`"));
    assert!(found.notes[0].place.is_some());
    for (written, is) in [
        ("$", "$"),
        ("a$$b", "a$$b"),
        ("${", "${"),
        ("${}", "${}"),
        ("$HOST-x", "lab.example-x"),
    ] {
        assert_eq!(expand(written, &lookup).0, is, "{written}");
    }
}

#[test]
fn variables_of_conda_say_what_a_condarc_says() {
    let lookup = |name: &str| match name {
        "CONDA_CHANNELS" => Some("mine, conda-forge".to_string()),
        "CONDA_CHANNEL_ALIAS" => Some("https://lab.example".to_string()),
        "CONDA_OFFLINE" => Some("true".to_string()),
        _ => None,
    };
    let found = conda_variables(&lookup).unwrap();
    assert_eq!(found.own_channels(), ["mine", "conda-forge"]);
    assert_eq!(found.mirrors.len(), 1);
    assert!(found.offline);
    assert_eq!(conda_variables(&|_| None), Ok(Neighbour::default()));
}
