//! What is needed where a wheel cannot be converted: uv, and the environment's
//! Python to install it for, in a prefix that is gone afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    sync::Arc,
};

use gpuenv_core::{Code, Diagnostic, Event, Reporter, Solution, generation::Action};
use rattler_conda_types::{RepoDataRecord, Subdir, package::DistArchiveType};

use super::{Install, InstallError, install};
use crate::{Access, fetch::ByUv, prefix::Wanted, stage::Stage};

/// A wheel that the converter refuses, and why.
type Refused = (String, String);

/// Gets uv and Python ready.
pub(super) async fn prepare(
    request: &Install<'_>,
    refused: &[Refused],
    stage: &Stage,
    access: &Access,
    reporter: &Arc<dyn Reporter>,
) -> Result<ByUv, InstallError> {
    let failed = |because: String| InstallError::Unconvertible {
        wheels: refused.to_vec(),
        because: Some(because),
    };
    let platform = request.solution.platform;
    if Subdir::current() != Some(platform) {
        return Err(failed(format!(
            "uv can install it on a machine of {platform} only"
        )));
    }
    let uv = request
        .uv
        .ok_or_else(|| failed("uv must not be used here".to_string()))?;
    let records = &request.solution.records;
    let is_conda = |record: &&RepoDataRecord| {
        !matches!(record.identifier.archive_type, DistArchiveType::Wheel(_))
    };
    let channels: BTreeSet<String> = records
        .iter()
        .filter(is_conda)
        .filter_map(|record| record.channel.clone())
        .collect();
    let channels: Vec<String> = channels.into_iter().collect();
    let program = uv.obtain(&channels, access, reporter).await;
    let program = program.map_err(|error| {
        let found = Diagnostic::from(error);
        failed(
            std::iter::once(found.message)
                .chain(found.causes)
                .collect::<Vec<_>>()
                .join(": "),
        )
    })?;
    let python = stage.work.join("python");
    let solution = Solution {
        records: python_and_its_needs(records),
        wheels: Vec::new(),
        ..request.solution.clone()
    };
    let nothing_more = |_: &Path, _: &Path| -> io::Result<()> { Ok(()) };
    let for_python = Install {
        prefix: &python,
        name: "python",
        recipe: None,
        wanted: Wanted {
            recipe_text: None,
            ..request.wanted
        },
        solution: &solution,
        requested: &[],
        force: false,
        repair: None,
        source: None,
        action: Action::Create,
        protected: &[],
        registry: None,
        cancel: request.cancel.clone(),
        finish: &nothing_more,
        now: request.now,
        command_line: request.command_line,
        uv: None,
    };
    // An install in an install: the type of the future would be endless.
    Box::pin(install(&for_python, access, reporter.clone())).await?;
    Ok(ByUv {
        program: program.path,
        python,
        variables: uv.plain_variables(),
    })
}

/// Returns the conda packages that make Python run.
fn python_and_its_needs(records: &[RepoDataRecord]) -> Vec<RepoDataRecord> {
    let by_name: BTreeMap<&str, &RepoDataRecord> = records
        .iter()
        .map(|record| (record.package_record.name.as_normalized(), record))
        .collect();
    let mut names = BTreeSet::new();
    let mut open = vec!["python"];
    while let Some(name) = open.pop() {
        if let Some(record) = by_name.get(name)
            && names.insert(name)
        {
            let needs = record.package_record.depends.iter();
            open.extend(needs.filter_map(|text| text.split_whitespace().next()));
        }
    }
    let needed = names.into_iter().filter_map(|name| by_name.get(name));
    needed.map(|record| (*record).clone()).collect()
}

/// Says which wheels came by way of uv, and why.
pub(super) fn tell(refused: &[Refused], reporter: &dyn Reporter) {
    for (wheel, reason) in refused {
        let message = format!("`{wheel}` was installed by `uv pip install`");
        let diagnostic = Diagnostic::note(Code::INSTALL_BY_UV, message)
            .cause(format!("gpuenv cannot convert it: {reason}"));
        reporter.report(Event::Diagnosed { diagnostic });
    }
}
