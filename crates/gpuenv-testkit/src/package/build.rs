//! How a package comes into being: metadata, archive, publication.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Package;
use crate::{
    archive::pack,
    channel::Published,
    contents::{Content, Entry},
};

impl Package<'_> {
    /// Builds the archive, puts it into the channel and lists it there.
    #[track_caller]
    pub fn publish(self) -> Published {
        let bytes = self.archive();
        let file_name = format!("{}{}", self.metadata.stem(), self.format.extension());
        let record = self.record();
        self.channel
            .publish(&self.metadata.subdir, &file_name, &bytes, |sums| {
                let mut record = record;
                for (key, value) in sums {
                    record.insert(key.to_string(), value);
                }
                apply(&mut record, &self.edits.repodata);
                record
            })
    }

    /// Returns the bytes of the archive without publishing it.
    #[track_caller]
    pub fn archive(&self) -> Vec<u8> {
        let staging = tempfile::tempdir().expect("the temporary folder is writable");
        for entry in &self.entries {
            entry.stage(staging.path());
        }
        for (name, bytes) in self.info_files() {
            let content = Content::File {
                bytes,
                executable: false,
                placeholder: None,
            };
            Entry::new(&format!("info/{name}"), content).stage(staging.path());
        }
        pack(
            staging.path(),
            &self.metadata.stem(),
            self.format,
            self.effort,
            &self.members,
        )
    }

    fn info_files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut index = self.metadata.index_json();
        apply(&mut index, &self.edits.index);
        let paths = json!({ "paths": self.paths(), "paths_version": 1 });
        let mut files = BTreeMap::from([
            (
                "about.json".to_string(),
                pretty(&self.metadata.about_json()),
            ),
            ("index.json".to_string(), pretty(&Value::Object(index))),
            ("paths.json".to_string(), pretty(&paths)),
        ]);
        if let Some(link) = self.metadata.link_json() {
            files.insert("link.json".to_string(), pretty(&link));
        }
        for (name, bytes) in &self.info {
            match bytes {
                Some(bytes) => files.insert(name.clone(), bytes.clone()),
                None => files.remove(name),
            };
        }
        files
    }

    #[track_caller]
    fn paths(&self) -> Vec<Value> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let mut lines: Vec<Value> = entries
            .into_iter()
            .map(|entry| entry.path_entry(&self.entries))
            .collect();
        for (path, key, value) in &self.edits.paths {
            let line = lines.iter_mut().find(|line| line["_path"] == path.as_str());
            let line = line.unwrap_or_else(|| panic!("`{path}` is not in the package"));
            line[key] = value.clone();
        }
        lines.extend(self.extra_paths.iter().cloned());
        lines
    }

    /// Returns the record for `repodata.json`, still without size and hashes.
    fn record(&self) -> Map<String, Value> {
        let mut record = self.metadata.index_json();
        // Channels drop what the file name and the folder say already.
        for key in ["arch", "platform"] {
            record.shift_remove(key);
        }
        record
    }
}

fn apply(map: &mut Map<String, Value>, edits: &[(String, Option<Value>)]) {
    for (key, value) in edits {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.shift_remove(key),
        };
    }
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(value).expect("JSON values are printable");
    text.push('\n');
    text.into_bytes()
}
