//! Where the files of an ordinary wheel go.

use std::{
    collections::{HashMap, HashSet},
    io::{Read, Seek},
    str::FromStr,
};

use gpuenv_core::wheels::normalized;
use rattler_conda_types::{PackageRecord, package::EntryPoint};
use zip::{CompressionMethod, ZipArchive};

/// Where modules lie in a package.
pub(super) const SITE_PACKAGES: &str = "site-packages";

/// Where scripts lie in a package.
const SCRIPTS: &str = "python-scripts";

/// The largest text of metadata that is read, in bytes.
const MAX_TEXT: u64 = 16 << 20;

/// One file to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Which one it is in the archive.
    pub(super) index: usize,
    /// Where it goes, below the package, with slashes.
    pub(super) target: String,
    pub(super) is_executable: bool,
    /// Whether its first line may have to name Python.
    pub(super) is_script: bool,
}

/// All files to write.
#[derive(Debug)]
pub(super) struct Plan {
    /// The name of the `.dist-info` directory without that end.
    pub(super) stem: String,
    pub(super) members: Vec<Member>,
    pub(super) licenses: Vec<Member>,
    pub(super) entry_points: Vec<EntryPoint>,
    /// Which member is the `RECORD`.
    pub(super) record: usize,
}

impl Plan {
    /// Plans a wheel; `None` if there is anything odd about it.
    pub(super) fn of<R: Read + Seek>(
        archive: &mut ZipArchive<R>,
        record: &PackageRecord,
    ) -> Option<Self> {
        if record.noarch.is_generic() || archive.has_duplicate_names() {
            return None;
        }
        let names = names(archive)?;
        let stem = stem(&names)?;
        let (name, version) = stem.rsplit_once('-')?;
        let is_it = normalized(name)? == normalized(record.name.as_source())?
            && version == record.version.to_string();
        if !is_it || !is_version_1(&text(archive, &format!("{stem}.dist-info/WHEEL"))?) {
            return None;
        }
        let mut taken = Taken::default();
        let points = format!("{stem}.dist-info/entry_points.txt");
        let entry_points = match archive.index_for_name(&points) {
            Some(_) => entry_points(&text(archive, &points)?)?,
            None => Vec::new(),
        };
        for point in &entry_points {
            for end in ["", ".exe", "-script.py"] {
                taken.script(&format!("{}{end}", point.command))?;
            }
        }
        let info = format!("{stem}.dist-info/");
        for made in ["INSTALLER", "RECORD"] {
            taken.file(&format!("{SITE_PACKAGES}/{info}{made}"))?;
        }
        let mut plan = Plan {
            record: archive.index_for_name(&format!("{info}RECORD"))?,
            members: Vec::with_capacity(names.len()),
            licenses: Vec::new(),
            entry_points,
            stem,
        };
        for (index, name) in names.iter().enumerate() {
            if !name.ends_with('/') && !is_left_out(name, &info) {
                let member = plan.member(archive, index, name)?;
                taken.payload(&member.target)?;
                plan.members.push(member);
            }
        }
        plan.find_licenses(archive, &mut taken)?;
        Some(plan)
    }

    fn member<R: Read + Seek>(
        &self,
        archive: &mut ZipArchive<R>,
        index: usize,
        name: &str,
    ) -> Option<Member> {
        let found = archive.by_index_raw(index).ok()?;
        let is_plain = !found.is_symlink()
            && !found.encrypted()
            && matches!(
                found.compression(),
                CompressionMethod::Stored | CompressionMethod::Deflated
            );
        let (scheme, target) = target(name, &format!("{}.data", self.stem))?;
        let root = target.split('/').next().unwrap_or_default();
        let is_ours = ["info", "conda-meta"].map(|own| root.eq_ignore_ascii_case(own));
        (is_plain && is_ours == [false; 2]).then(|| Member {
            index,
            target,
            is_executable: found.unix_mode().is_some_and(|mode| mode & 0o111 != 0),
            is_script: scheme == Some("scripts"),
        })
    }

    /// Finds the licenses that the metadata name, where rattler looks for them.
    fn find_licenses<R: Read + Seek>(
        &mut self,
        archive: &mut ZipArchive<R>,
        taken: &mut Taken,
    ) -> Option<()> {
        let info = format!("{}.dist-info", self.stem);
        let metadata = format!("{info}/METADATA");
        if archive.index_for_name(&metadata).is_none() {
            return Some(());
        }
        let mut seen = HashSet::new();
        for license in licenses(&text(archive, &metadata)?)? {
            let places = [
                format!("{info}/{license}"),
                format!("{info}/licenses/{license}"),
            ];
            let index = places
                .iter()
                .find_map(|place| archive.index_for_name(place));
            // One that is missing is told by the other converter.
            let index = index?;
            if seen.insert(index) {
                let target = format!("info/licenses/{license}");
                taken.file(&target)?;
                self.licenses.push(Member {
                    index,
                    target,
                    is_executable: false,
                    is_script: false,
                });
            }
        }
        Some(())
    }
}

/// Returns the names of all members if each is plain and relative.
fn names<R: Read + Seek>(archive: &ZipArchive<R>) -> Option<Vec<String>> {
    let mut names = Vec::with_capacity(archive.len());
    for name in archive.file_names() {
        let name = name.ok()?.into_owned();
        let path = name.strip_suffix('/').unwrap_or(&name);
        let is_odd =
            |part: &str| matches!(part, "" | "." | "..") || part.contains(['\\', '\0', ':']);
        if path.split('/').any(is_odd) {
            return None;
        }
        names.push(name);
    }
    Some(names)
}

/// Returns the one name of a directory of metadata.
fn stem(names: &[String]) -> Option<String> {
    let firsts = names.iter().filter_map(|name| name.split_once('/'));
    let mut stems = firsts.filter_map(|(first, _)| first.strip_suffix(".dist-info"));
    let stem = stems.next()?;
    stems.all(|other| other == stem).then(|| stem.to_string())
}

fn text<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str) -> Option<String> {
    let member = archive.by_name(name).ok()?;
    let mut text = String::new();
    let length = member.take(MAX_TEXT).read_to_string(&mut text).ok()?;
    ((length as u64) < MAX_TEXT).then_some(text)
}

fn is_version_1(wheel: &str) -> bool {
    let fields = wheel.lines().filter_map(|line| line.split_once(':'));
    let mut versions = fields.filter(|(key, _)| key.trim().eq_ignore_ascii_case("Wheel-Version"));
    let first = versions.next().map(|(_, value)| value.trim());
    first == Some("1.0") && versions.next().is_none()
}

/// Reads the commands for which an installer makes scripts.
fn entry_points(text: &str) -> Option<Vec<EntryPoint>> {
    let mut found = Vec::new();
    let mut is_in_section = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            is_in_section = matches!(section.trim(), "console_scripts" | "gui_scripts");
        } else if is_in_section {
            // Extras say what else has to be there, which the resolver has seen to.
            let point = line.split_once('[').map_or(line, |(point, _)| point);
            found.push(EntryPoint::from_str(point.trim()).ok()?);
        }
    }
    Some(found)
}

/// Returns whether an installer makes a file anew, or nobody needs it.
fn is_left_out(name: &str, info: &str) -> bool {
    let made = ["INSTALLER", "RECORD", "RECORD.jws", "RECORD.p7s"];
    let is_made = name
        .strip_prefix(info)
        .is_some_and(|rest| made.contains(&rest));
    is_made || name.split('/').any(|part| part == "__pycache__")
}

/// Returns where a member goes, and of which part of the data it is.
fn target<'a>(name: &'a str, data: &str) -> Option<(Option<&'a str>, String)> {
    let rest = name
        .strip_prefix(data)
        .and_then(|rest| rest.strip_prefix('/'));
    let Some(rest) = rest else {
        return (name != data).then(|| (None, format!("{SITE_PACKAGES}/{name}")));
    };
    let (scheme, rest) = rest.split_once('/')?;
    let target = match scheme {
        "purelib" | "platlib" => format!("{SITE_PACKAGES}/{rest}"),
        "scripts" => format!("{SCRIPTS}/{rest}"),
        "headers" => format!("include/{rest}"),
        "data" => rest.to_string(),
        _ => return None,
    };
    Some((Some(scheme), target))
}

/// Returns the licenses that metadata name; `None` if one wants to lead elsewhere.
fn licenses(metadata: &str) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    let mut is_license = false;
    for line in metadata.lines().take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if is_license && let Some(last) = found.last_mut() {
                last.push(' ');
                last.push_str(line.trim());
            }
            continue;
        }
        is_license = false;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("License-File")
        {
            found.push(value.trim().to_string());
            is_license = true;
        }
    }
    let names = found
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_string).collect();
    let is_odd = |name: &String| {
        name.contains(['\\', ':', '\0'])
            || name.split('/').any(|part| matches!(part, "" | "." | ".."))
    };
    (!names.iter().any(is_odd)).then_some(names)
}

/// The paths that are taken, each as a file or as a directory.
#[derive(Default)]
struct Taken(HashMap<String, bool>);

impl Taken {
    /// Takes the path of a file of the wheel; `None` if it is taken.
    fn payload(&mut self, path: &str) -> Option<()> {
        match path
            .strip_prefix(SCRIPTS)
            .and_then(|rest| rest.strip_prefix('/'))
        {
            Some(script) => self.script(script),
            None => self.file(path),
        }
    }

    /// Takes the paths of a script on all platforms.
    fn script(&mut self, name: &str) -> Option<()> {
        for folder in [SCRIPTS, "bin", "Scripts"] {
            self.file(&format!("{folder}/{name}"))?;
        }
        Some(())
    }

    fn file(&mut self, path: &str) -> Option<()> {
        if self.0.insert(path.to_string(), true).is_some() {
            return None;
        }
        let ends = path.match_indices('/').map(|(end, _)| end);
        for end in ends.rev() {
            match self.0.get(&path[..end]) {
                Some(true) => return None,
                // The ones above it are there too.
                Some(false) => break,
                None => {
                    self.0.insert(path[..end].to_string(), false);
                }
            }
        }
        Some(())
    }
}
