//! Each line of the table in the guide has a test.

use crate::source::root;

/// The lines of the table, by what stands first in them, and the tests that show them.
const SHOWN: [(&str, &[&str]); 24] = [
    (
        "`channels` (`.condarc`)",
        &["channels_of_condarc_count_only_where_nothing_names_one"],
    ),
    (
        "`default_channels`",
        &[
            "default_channels_are_what_defaults_stands_for",
            "copies_of_anacondas_channels_are_mirrors_of_them",
        ],
    ),
    (
        "`custom_multichannels`",
        &["a_name_stands_for_several_channels"],
    ),
    ("`channel_alias`", &["channel_alias_of_condarc"]),
    (
        "`custom_channels`",
        &["custom_channels_of_condarc", "mirrored_channels_of_condarc"],
    ),
    ("`${NAME}`", &["variables_in_condarc_are_written_out"]),
    (
        "a login",
        &["a_login_in_the_url_of_a_channel_is_used_and_never_told"],
    ),
    (
        "`CONDA_CHANNELS`",
        &["variables_of_conda_are_stronger_than_its_files"],
    ),
    ("`[mirrors]`", &["mirrors_of_rattler_and_pixi"]),
    (
        "`proxy_servers`",
        &[
            "proxies_of_condarc_rattler_and_the_environment",
            "hosts_without_a_proxy_in_the_configuration_of_rattler",
        ],
    ),
    (
        "`HTTPS_PROXY`",
        &[
            "https_goes_through_its_own_proxy",
            "proxies_of_condarc_rattler_and_the_environment",
        ],
    ),
    ("`NO_PROXY`", &["no_proxy_in_all_its_forms"]),
    (
        "`ssl_verify: FILE`",
        &["certificates_of_the_environment_and_of_condarc"],
    ),
    (
        "`ssl_verify: false`",
        &[
            "verification_is_never_switched_off",
            "verification_is_not_switched_off_by_rattler_or_pixi_either",
        ],
    ),
    (
        "`SSL_CERT_FILE`",
        &[
            "certificates_of_the_environment_and_of_condarc",
            "a_directory_of_certificates_of_the_environment",
        ],
    ),
    ("`RATTLER_AUTH_FILE`", &["logins_of_netrc"]),
    (
        "`authentication-override-file`",
        &["credentials_of_rattlers_configuration"],
    ),
    (
        "`uv.toml`",
        &[
            "a_name_in_uvs_settings_is_what_the_keyring_is_asked_for",
            "logins_in_uvs_settings_count_for_downloads",
        ],
    ),
    (
        "`UV_KEYRING_PROVIDER`",
        &["the_keyring_is_asked_only_where_that_is_wanted_and_a_server_refuses"],
    ),
    ("`CONDA_PKGS_DIRS`", &["package_folders_of_conda"]),
    ("`offline`", &["offline_of_condarc"]),
    (
        "`CONDA_OVERRIDE_CUDA`",
        &["an_override_that_is_no_version_is_refused"],
    ),
    (
        "`channel_priority`",
        &["what_would_change_a_lock_is_not_followed"],
    ),
    (
        "everything else",
        &["what_would_change_a_lock_is_not_followed"],
    ),
];

#[test]
fn each_line_of_the_table_has_a_test() {
    let read = |path: &str| fs_err::read_to_string(root().join(path)).expect("it is there");
    let page = read("docs/guide/configuration.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    assert_eq!(rows.len(), SHOWN.len(), "{rows:#?}");
    let tests = [
        "configuration",
        "configuration/channels",
        "configuration/network",
        "wheels/keyring",
    ]
    .map(|name| root().join(format!("tests/cli/{name}.rs")))
    .iter()
    .filter_map(|path| fs_err::read_to_string(path).ok())
    .collect::<String>();
    for (row, (start, shown)) in rows.iter().zip(SHOWN) {
        assert!(row[2..].starts_with(start), "{row}: {start}");
        for test in shown {
            assert!(tests.contains(&format!("#[test]\nfn {test}()")), "{test}");
        }
    }
}
