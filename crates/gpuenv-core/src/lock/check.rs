//! Whether a lock still is what its recipe asks for, decided without a network.

use std::{collections::BTreeSet, fmt};

use crate::{
    Code, Diagnostic, Plan, Wheel,
    builds::{self, Rules},
    channel,
    facts::GpuBuilds,
    lock::{self, Lock, PlatformLock, Settings, settings},
    solution::{self, Violation},
    wheels,
};

/// One way in which a lock differs from its recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Another tool wrote the lock, or our part of it was dropped.
    NotOurs,
    /// The lock is of another recipe.
    Recipe {
        /// The recipe's name.
        wanted: String,
        /// The lock's.
        locked: String,
    },
    /// The recipe names other channels, or in another order.
    Channels {
        /// The recipe's.
        wanted: Vec<String>,
        /// The lock's.
        locked: Vec<String>,
    },
    /// A platform is in the recipe and not in the lock.
    PlatformAdded(String),
    /// A platform is in the lock and not in the recipe.
    PlatformRemoved(String),
    /// The recipe's target differs.
    Target {
        /// The platform, as the lock names it.
        platform: String,
        /// The recipe's virtual packages that the lock lacks.
        wanted: Vec<String>,
        /// The lock's that the recipe lacks.
        locked: Vec<String>,
    },
    /// A line of the recipe is not in the lock.
    Added {
        /// The platform, as the lock names it.
        platform: String,
        /// The line.
        what: String,
    },
    /// A line in the lock is not in the recipe.
    Removed {
        /// The platform, as the lock names it.
        platform: String,
        /// The line.
        what: String,
    },
    /// `gpu`, `activation` or `probe` differs.
    Setting {
        /// The platform, if it differs by platform.
        platform: Option<String>,
        /// The recipe's key.
        key: &'static str,
    },
    /// The locked packages are no solution.
    Unsolved {
        /// The platform, as the lock names it.
        platform: String,
        /// What is wrong.
        violation: Violation,
    },
    /// A requirement of the recipe is not met by the locked wheels.
    Wheel {
        /// The platform, as the lock names it.
        platform: String,
        /// The requirement, as written.
        wanted: String,
        /// The wheel that is locked under that name.
        locked: Option<String>,
    },
    /// Locked wheels and packages must not meet in one environment.
    Wheels {
        /// The platform, as the lock names it.
        platform: String,
        /// Why not.
        reason: String,
    },
    /// A locked package comes from a channel that the recipe does not name.
    ForeignChannel {
        /// The platform, as the lock names it.
        platform: String,
        /// The package.
        package: String,
        /// Its URL's channel.
        channel: String,
    },
    /// A locked package is needed by nothing.
    Unneeded {
        /// The platform, as the lock names it.
        platform: String,
        /// The package.
        package: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::NotOurs => write!(f, "the lock has no `gpuenv` section"),
            Difference::Recipe { wanted, locked } => {
                write!(f, "the lock is of recipe `{locked}`, not `{wanted}`")
            }
            Difference::Channels { wanted, locked } => write!(
                f,
                "channels: the recipe has {}, the lock {}",
                list(wanted.iter().map(|url| channel::short_name(url))),
                list(locked.iter().map(|url| channel::short_name(url)))
            ),
            Difference::PlatformAdded(platform) => write!(f, "{platform}: not in the lock"),
            Difference::PlatformRemoved(platform) => write!(f, "{platform}: not in the recipe"),
            Difference::Target {
                platform,
                wanted,
                locked,
            } => write!(
                f,
                "{platform}: target: the recipe has {}, the lock {}",
                list(wanted.iter().map(String::as_str)),
                list(locked.iter().map(String::as_str))
            ),
            Difference::Added { platform, what } => {
                write!(f, "{platform}: `{what}` is in the recipe, not in the lock")
            }
            Difference::Removed { platform, what } => {
                write!(f, "{platform}: `{what}` is in the lock, not in the recipe")
            }
            Difference::Setting { platform, key } => match platform {
                Some(platform) => write!(f, "{platform}: `{key}` differs"),
                None => write!(f, "`{key}` differs"),
            },
            Difference::Unsolved {
                platform,
                violation,
            } => write!(f, "{platform}: {violation}"),
            Difference::Wheel {
                platform,
                wanted,
                locked: Some(locked),
            } => write!(
                f,
                "{platform}: the recipe needs the wheel `{wanted}`, the lock has `{locked}`"
            ),
            Difference::Wheel {
                platform,
                wanted,
                locked: None,
            } => write!(
                f,
                "{platform}: the recipe needs the wheel `{wanted}`, which is not in the lock"
            ),
            Difference::Wheels { platform, reason } => write!(f, "{platform}: {reason}"),
            Difference::ForeignChannel {
                platform,
                package,
                channel,
            } => write!(
                f,
                "{platform}: `{package}` comes from `{}`, which is not a channel of the recipe",
                channel::short_name(channel)
            ),
            Difference::Unneeded { platform, package } => {
                write!(f, "{platform}: nothing needs `{package}`")
            }
        }
    }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let items: Vec<_> = items.map(|item| format!("`{item}`")).collect();
    match items.is_empty() {
        true => "none".to_string(),
        false => items.join(", "),
    }
}

/// Returns every difference between a lock and the plans of its recipe.
///
/// `builds` says which packages must be CUDA builds where a GPU is required.
pub fn check(lock: &Lock, plans: &[Plan], builds: &GpuBuilds) -> Vec<Difference> {
    let mut differences = Vec::new();
    check_head(lock, plans, &mut differences);
    for plan in plans {
        let platform = plan.name();
        match lock.platforms.get(&platform) {
            None => differences.push(Difference::PlatformAdded(platform)),
            Some(locked) => {
                check_settings(lock, plan, &mut differences);
                check_packages(plan, locked, builds, &mut differences);
                check_wheels(plan, locked, &mut differences);
            }
        }
    }
    for name in lock.platforms.keys() {
        if !plans.iter().any(|plan| plan.name() == *name) {
            differences.push(Difference::PlatformRemoved(name.clone()));
        }
    }
    differences
}

fn check_head(lock: &Lock, plans: &[Plan], differences: &mut Vec<Difference>) {
    let mut channels: Vec<String> = Vec::new();
    for name in plans.iter().flat_map(|plan| &plan.channels) {
        // A channel that cannot be read was refused when the recipe was.
        let url = channel::canonical_url(name).map_or_else(|_| name.clone(), String::from);
        if !channels.contains(&url) {
            channels.push(url);
        }
    }
    if channels != lock.channels {
        differences.push(Difference::Channels {
            wanted: channels,
            locked: lock.channels.clone(),
        });
    }
    let Some(settings) = &lock.settings else {
        differences.push(Difference::NotOurs);
        return;
    };
    let Some(plan) = plans.first() else { return };
    if settings.recipe != plan.recipe {
        differences.push(Difference::Recipe {
            wanted: plan.recipe.clone(),
            locked: settings.recipe.clone(),
        });
    }
    let chosen = &plan.selection;
    let settings = [
        ("features", settings.features != chosen.features),
        ("parameters", settings.parameters != chosen.parameters),
        ("gpu", settings.gpu != plan.gpu),
        ("variants", order_differs(settings, plans)),
    ];
    let differ = settings.into_iter().filter(|(_, differs)| *differs);
    differences.extend(differ.map(|(key, _)| Difference::Setting {
        platform: None,
        key,
    }));
}

/// Tells whether the recipe prefers its variants in another order. Those that are only
/// on one side are told as platforms.
fn order_differs(settings: &Settings, plans: &[Plan]) -> bool {
    settings::variants(plans).iter().any(|(platform, wanted)| {
        let locked = settings.variants.get(platform);
        let locked: Vec<&String> = locked.into_iter().flatten().collect();
        let wanted_too = locked.iter().copied().filter(|name| wanted.contains(name));
        wanted
            .iter()
            .filter(|name| locked.contains(name))
            .ne(wanted_too)
    })
}

fn check_settings(lock: &Lock, plan: &Plan, differences: &mut Vec<Difference>) {
    let Some(locked) = lock.settings_of(&plan.name()) else {
        return;
    };
    let wanted = settings::platform(plan);
    let pairs = [
        (&wanted.dependencies, &locked.dependencies),
        (&wanted.pypi_dependencies, &locked.pypi_dependencies),
    ];
    for (wanted, locked) in pairs {
        for what in wanted.iter().filter(|what| !locked.contains(what)) {
            let what = what.clone();
            let platform = plan.name();
            differences.push(Difference::Added { platform, what });
        }
        for what in locked.iter().filter(|what| !wanted.contains(what)) {
            let what = what.clone();
            let platform = plan.name();
            differences.push(Difference::Removed { platform, what });
        }
    }
    for (key, same) in [
        ("pypi-options", wanted.pypi_options == locked.pypi_options),
        ("activation", wanted.activation == locked.activation),
        ("probe", wanted.probe == locked.probe),
    ] {
        if !same {
            differences.push(Difference::Setting {
                platform: Some(plan.name()),
                key,
            });
        }
    }
}

fn check_packages(
    plan: &Plan,
    locked: &PlatformLock,
    table: &GpuBuilds,
    differences: &mut Vec<Difference>,
) {
    let virtual_packages = plan.target.virtual_packages();
    let wanted: BTreeSet<String> = virtual_packages.iter().map(ToString::to_string).collect();
    let there: BTreeSet<String> = locked.virtual_packages.iter().cloned().collect();
    if wanted != there {
        differences.push(Difference::Target {
            platform: plan.name(),
            wanted: wanted.difference(&there).cloned().collect(),
            locked: there.difference(&wanted).cloned().collect(),
        });
    }
    let mut violations = solution::verify(
        plan.platform(),
        &plan.dependencies,
        &virtual_packages,
        &locked.records,
    );
    let rules = Rules::of_lock(plan, table);
    violations.extend(builds::verify(&rules, &locked.records));
    differences.extend(
        violations
            .into_iter()
            .map(|violation| Difference::Unsolved {
                platform: plan.name(),
                violation,
            }),
    );
    let channels: Vec<String> = plan
        .channels
        .iter()
        .filter_map(|name| channel::canonical_url(name).ok())
        .map(String::from)
        .collect();
    for record in &locked.records {
        let url = record.url.as_str();
        if !channels.iter().any(|channel| url.starts_with(channel)) {
            differences.push(Difference::ForeignChannel {
                platform: plan.name(),
                package: solution::label(record),
                channel: record.channel.clone().unwrap_or_else(|| url.to_string()),
            });
        }
    }
    let unneeded = solution::unneeded(&plan.dependencies, &locked.records);
    differences.extend(unneeded.into_iter().map(|package| Difference::Unneeded {
        platform: plan.name(),
        package,
    }));
}

fn check_wheels(plan: &Plan, locked: &PlatformLock, differences: &mut Vec<Difference>) {
    let provided = wheels::provided(&locked.records);
    for wheel in &plan.wheels {
        let met = lock::wheels::satisfies(&wheel.requirement, &locked.wheels, &provided);
        if let Err(found) = met {
            differences.push(Difference::Wheel {
                platform: plan.name(),
                wanted: wheel.text.clone(),
                locked: found,
            });
        }
    }
    if plan.wheels.is_empty() {
        let all = locked.wheels.iter().map(|wheel| Difference::Unneeded {
            platform: plan.name(),
            package: wheel.label(),
        });
        differences.extend(all);
    }
    let refused =
        wheels::check_installable(&locked.records, &locked.wheels, &plan.pypi).and_then(|()| {
            wheels::check_builds(plan.gpu, plan.platform(), &locked.wheels, &locked.records)
        });
    if let Err(error) = refused {
        let reason = error.to_string();
        let platform = plan.name();
        differences.push(Difference::Wheels { platform, reason });
    }
    let Ok((_, python)) = wheels::python(&locked.records) else {
        return;
    };
    let machine = wheels::Machine::new(&plan.target, python);
    let fits = |wheel: &Wheel| wheels::file_name(&wheel.url).and_then(|file| machine.rank(&file));
    let strange = locked.wheels.iter().filter(|wheel| fits(wheel).is_none());
    differences.extend(strange.map(|wheel| Difference::Wheels {
        platform: plan.name(),
        reason: format!(
            "`{}` is for another Python or another machine",
            wheel.label()
        ),
    }));
}

/// Returns the diagnostic for a lock that is stale.
pub fn stale(file: &str, differences: &[Difference]) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(
        Code::LOCK_STALE,
        format!("lock `{file}` no longer satisfies the recipe"),
    );
    for difference in differences {
        diagnostic = diagnostic.cause(difference);
    }
    diagnostic
}
