//! `repodata.json` and its compressed twin for one folder of a channel.

use std::{collections::BTreeMap, path::Path};

use fs_err as fs;
use serde_json::{Map, Value, json};

/// The records of one folder by file name.
pub(crate) type Records = BTreeMap<String, Value>;

/// Writes `repodata.json`, and `repodata.json.zst` if asked for.
pub(crate) fn write(folder: &Path, subdir: &str, records: &Records, zst: bool) {
    let mut legacy = Map::new();
    let mut modern = Map::new();
    for (file_name, record) in records {
        let packages = match file_name.ends_with(".conda") {
            true => &mut modern,
            false => &mut legacy,
        };
        packages.insert(file_name.clone(), record.clone());
    }
    let repodata = json!({
        "info": { "subdir": subdir },
        "packages": legacy,
        "packages.conda": modern,
        "removed": [],
        "repodata_version": 1,
    });
    let mut text = serde_json::to_string_pretty(&repodata).expect("JSON values are printable");
    text.push('\n');
    write_raw(folder, text.as_bytes(), zst);
}

/// Writes any bytes as `repodata.json`, and compressed too if asked for.
pub(crate) fn write_raw(folder: &Path, bytes: &[u8], zst: bool) {
    fs::create_dir_all(folder).expect("the channel folder is writable");
    fs::write(folder.join("repodata.json"), bytes).expect("the channel folder is writable");
    if zst {
        let packed = zstd::encode_all(bytes, 3).expect("memory to memory");
        fs::write(folder.join("repodata.json.zst"), packed)
            .expect("the channel folder is writable");
    }
}

/// Returns the records of both kinds out of a `repodata.json`.
#[track_caller]
pub(crate) fn records_of(repodata: &Value) -> Records {
    let mut records = Records::new();
    for kind in ["packages", "packages.conda"] {
        let Some(packages) = repodata.get(kind) else {
            continue;
        };
        let packages = packages.as_object().expect("a map by file name");
        records.extend(
            packages
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
    records
}
