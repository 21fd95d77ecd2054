//! The register of diagnostic codes: the one place that gives a number away.
//!
//! The first digit is the stage (1 recipe … 7 probe, 9 a bug), so the exit code
//! of a failure is a function of its code. Each code has a page,
//! `docs/errors/GEnnn.md`; a test keeps the two in step.

use std::{fmt, str::FromStr};

/// The stable number of one kind of diagnostic, printed as `GE101`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

macro_rules! codes {
    ($($number:literal $name:ident $title:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Code = Code($number);)*

            /// Every code that exists, in order, with its title.
            pub const ALL: &[(Code, &str)] = &[$((Code($number), $title)),*];
        }
    };
}

codes! {
    // 1xx: the recipe, as written.
    101 RECIPE_SYNTAX "the recipe is not valid YAML";
    102 RECIPE_UNKNOWN_KEY "the recipe holds a key that does not exist";
    103 RECIPE_WRONG_TYPE "a value of the recipe has the wrong type or form";
    104 RECIPE_MISSING_KEY "the recipe lacks a required key";
    105 RECIPE_BAD_SPEC "a dependency of the recipe is not a valid match spec";
    106 RECIPE_BAD_CONDITION "an `if` of the recipe cannot be read";
    107 RECIPE_NOT_FOUND "no recipe of that name exists";
    108 RECIPE_UNREADABLE "the recipe file cannot be read";
    109 RECIPE_DUPLICATE_KEY "a key of the recipe is given twice";
    110 RECIPE_TOO_LARGE "the recipe is too large, too deep or expands too far";
    111 RECIPE_BAD_REQUIREMENT "an entry of `pypi-dependencies` is not a valid requirement";
    112 RECIPE_SCHEMA_VERSION "the recipe is written for a newer gpuenv";
    113 RECIPE_BAD_VARIABLE "the recipe sets an environment variable that it must not set";
    114 RECIPE_NO_PARENT "the recipe that is extended is not there";
    115 RECIPE_EXTENDS_CIRCLE "recipes extend each other in a circle, or too many of them";
    116 RECIPE_EXTENDS_OUTSIDE "a recipe must not extend that file";
    117 RECIPE_UNKNOWN_FEATURE "the recipe has no feature of that name";
    118 RECIPE_UNKNOWN_PARAMETER "the recipe has no parameter of that name";
    119 RECIPE_PARAMETER_VALUE "a parameter cannot have that value";
    120 RECIPE_BAD_PARAMETER "a parameter is declared or used wrongly";

    130 IMPORT_FORMAT "the file is in no format that can be imported";
    131 IMPORT_SYNTAX "the file to import cannot be read";
    132 IMPORT_NEWER "the file to import is of a newer version";
    133 IMPORT_BAD_ENTRY "an entry of the file to import cannot be read";
    134 IMPORT_NO_COUNTERPART "something in the file has no counterpart in a recipe";
    135 IMPORT_UNSAFE "the file to import holds a secret or leads out of its folder";
    136 IMPORT_UNREADABLE "a file to import or to check cannot be opened";
    137 IMPORT_EXISTS "a file of that name exists and is not overwritten";
    138 IMPORT_EMPTY "there is no package in the file to import";
    139 EXPORT_IMPOSSIBLE "the format cannot hold what the environment has";
    140 LINT_FROZEN_CHANNEL "the `pytorch` channel gets no new releases";
    141 LINT_CUDNN "CUDA or cuDNN does not fit the framework";
    142 LINT_NO_PYTHON "an environment has wheels and no Python";
    143 LINT_USER "`--user` installs outside of the environment";
    144 LINT_OTHER_SHELL "a command is written for another shell";
    145 LINT_TENSORFLOW_WINDOWS "TensorFlow from 2.11 on has no GPU on Windows";
    146 LINT_DEFAULTS "the channel `defaults` is mixed in";
    147 LINT_LIBRARY_PATH "a line sets the loader's path by hand";
    148 LINT_TENSORFLOW_GPU "`tensorflow-gpu` is the name of a package that is gone";
    149 LINT_NUMPY "a framework would get a NumPy that it was not built for";
    150 LINT_NO_COMPILER "`cudatoolkit` holds no compiler";
    151 LINT_OLD_CALL "code uses a call that is gone or deprecated";
    152 LINT_CPU_BUILD "nothing keeps the solver from a build for the CPU";
    153 LINT_CUPY "`cupy` of PyPI is source code";
    154 LINT_REDIRECTION "a `<` or `>` stands without quotes";
    155 LINT_FOREIGN_PYTHON "a pip is called that may belong to another Python";
    156 LINT_CUDA_TARGET "CUDA is newer than the target promises";
    157 LINT_MIXED_SOURCES "CUDA or a framework comes from two places";
    158 LINT_CODE "code does not do what the text around it says";

    // 2xx: the plan for one platform.
    201 PLAN_PLATFORM "the recipe does not cover that platform";
    202 PLAN_CONFLICTING_TARGET "two conditions give one key different values";
    203 PLAN_DRIVER_TOO_OLD "the recipe needs a newer driver than this machine has";
    204 PLAN_NO_GPU "the recipe needs a GPU and this machine has none";
    205 PLAN_GLIBC_TOO_OLD "the recipe needs a newer glibc than this machine has";
    206 PLAN_ARCHITECTURE "the recipe needs a newer GPU than this machine has";
    207 PLAN_INCOHERENT "the recipe's target does not fit the rest of the recipe";
    208 TARGET_BAD "the target file cannot be read";
    209 TARGET_OTHER_VERSION "the target file is of another version";
    210 CHECK_DRIVER_DROPPED_GPU "the driver no longer drives that GPU";
    211 CHECK_NO_CODE "a package has no code for that GPU";
    212 CHECK_MINOR_VERSION "code compiled on the machine needs a newer driver";
    213 CHECK_PLATFORM "the operating system does not fit the packages";
    214 CHECK_LONG_PATHS "paths may become too long for Windows";
    215 CHECK_UNKNOWN_DRIVER "no table tells what that driver supports";
    216 PLAN_VARIANT "the recipe's variants do not fit together";
    217 VARIANT_NONE_FITS "the machine runs none of the variants";
    218 VARIANT_TAKEN "a later variant is taken than the first";
    219 VARIANT_UNKNOWN "there is no variant of that name";
    220 VARIANT_RUNS_NOWHERE "no machine runs the variant";
    221 VARIANT_UNDECIDED "the machine has no GPU that could decide which variant to take";

    // 3xx: channels and the solve.
    301 SOLVE_UNSOLVABLE "no set of packages satisfies the recipe";
    302 CHANNEL_UNREACHABLE "a channel cannot be reached";
    303 CHANNEL_BAD_DATA "a channel answered with something that is not repodata";
    304 CHANNEL_OFFLINE "offline, and a channel is not in the cache";
    305 SOLVE_TIMEOUT "the solve took too long";
    306 CHANNEL_BAD_NAME "a channel name or URL cannot be read";
    307 MIRROR_BAD "a mirror setting cannot be read";
    308 SOLVE_UNCHECKED "the solution does not pass gpuenv's own check";
    309 CHANNEL_MISSING "a channel does not exist at its place";
    310 SOLVE_ONLY_CPU "a GPU is required, and only builds for the CPU fit";
    311 BUILDS_GIVEN_UP "a newer version was given up, because it fits only as a build for the CPU";
    312 BUILDS_CPU_TAKEN "a package that could use a GPU is a build for the CPU";
    313 SOLVE_ONLY_CUDA "no GPU is used, and only builds with CUDA fit";
    314 BUILDS_WRONG "what is locked holds a build that `gpu` rules out";
    320 WHEELS_NO_UV "uv, which resolves wheels, is not there";
    321 WHEELS_UNSOLVABLE "no set of wheels satisfies the recipe";
    322 WHEELS_CONFLICT "wheels and conda packages must not be combined so";
    323 WHEELS_FAILED "uv did not resolve the wheels";
    324 WHEELS_UV_INSTALLED "gpuenv has installed uv for its own use";
    325 WHEELS_UV_NOT_INSTALLED "uv, which resolves wheels, cannot be brought";
    326 WHEELS_INDEX_DENIED "an index of wheels wants other credentials";
    327 WHEELS_INDEX_UNREACHABLE "an index of wheels cannot be read";
    328 WHEELS_NO_INDEX "what answers is no index of wheels";
    329 WHEELS_UNKNOWN_NAME "no index has a wheel of that name";
    330 WHEELS_YANKED "a wheel was withdrawn by its authors";
    331 WHEELS_OFFLINE "offline, and an index of wheels is not in the cache";
    332 WHEELS_NO_FOLDER "a folder of wheels is not there";
    333 WHEELS_BUILT "a wheel was built from source code";
    334 WHEELS_NOT_BUILT "a wheel could not be built from source code";

    340 SEARCH_NOTHING "no package matches what is searched for";
    341 SEARCH_BAD_SPEC "what is searched for cannot be read";
    342 LOOK_NO_PACKAGE "the package is not in the lock or environment";
    343 LOOK_NO_PLATFORM "the lock or environment does not cover the platform";
    344 BUILDS_NO_USE "a GPU is required, and no package uses one";

    // 4xx: the lock.
    401 LOCK_UNREADABLE "the lock cannot be read";
    402 LOCK_STALE "the lock no longer satisfies the recipe";
    403 LOCK_NEWER_VERSION "the lock was written by a newer tool";
    404 LOCK_BAD "the lock is damaged";
    405 LOCK_PLATFORM "the lock does not cover this platform";
    406 LOCK_UNWRITABLE "the lock cannot be written";
    407 LOCK_MISSING "there is no lock, and one is required";
    408 LOCK_WHEELS_PENDING "the recipe's wheels are not in the lock";
    409 LOCK_UNTRUSTED "the lock holds something that must not be installed";

    // 5xx: install, prefixes.
    501 INSTALL_FETCH "a package cannot be downloaded";
    502 INSTALL_HASH "a package does not have the hash that the lock names";
    503 INSTALL_DISK_FULL "the disk is full";
    504 INSTALL_PERMISSION "no permission to write there";
    505 INSTALL_NOT_OURS "the prefix exists and is not gpuenv's";
    506 INSTALL_UNSAFE_PACKAGE "a package would write outside its prefix";
    507 INSTALL_LINK "a package cannot be linked";
    508 INSTALL_OFFLINE "offline, and a package is not in the cache";
    509 INSTALL_BUSY "another gpuenv works on that prefix";
    510 INSTALL_INTERRUPTED "interrupted";
    511 ENVIRONMENT_NOT_FOUND "no environment of that name exists";
    512 ENVIRONMENT_BAD_NAME "the name cannot name an environment";
    513 INSTALL_IO "a file operation failed";
    514 INSTALL_BAD_PACKAGE "a package archive is damaged";
    515 INSTALL_NO_HOME "no directory for environments is known";
    516 INSTALL_NO_WHEELS "the wheels of the lock cannot be installed";
    517 CONFIG_BAD "the configuration cannot be read";
    520 INSTALL_TOO_LARGE "an archive unpacks to more than it may";
    521 INSTALL_BY_UV "a wheel that only uv can install";
    522 INSTALL_NO_FOLDER "a package folder that gets links is not there";
    524 ENVIRONMENT_ELSEWHERE "the environment is for another system";
    525 VERIFY_DAMAGED "the environment is not what its lock says";
    526 VERIFY_NO_LOCK "nothing tells what the environment should be";
    527 HISTORY_NO_GENERATION "the environment has no generation of that number";
    528 HISTORY_BAD "a generation of the environment cannot be read";
    529 UPDATE_NO_RECIPE "nothing tells what the environment was made from";
    530 REPAIR_SHARED "other environments may have the same damage";
    531 REPAIR_LEFT "something is left that a repair does not mend";

    // 6xx: activation.
    601 ACTIVATION_SHELL "that shell is not supported";
    602 ACTIVATION_COMMAND "the command cannot be started";
    603 ACTIVATION_BAD_VARIABLE "an environment variable cannot have that name";
    604 ACTIVATION_BAD_VALUE "an environment variable cannot hold that value";
    605 ACTIVATION_CONFLICT "another CUDA comes first";
    606 ACTIVATION_SCRIPT "a package's activation script fails";
    607 ACTIVATION_STARTUP "the startup file of the shell cannot be changed";
    608 ACTIVATION_MODULEFILE "a module system cannot hold a value";
    609 ACTIVATION_NOT_ON_WINDOWS "that way of activation does not exist on Windows";
    610 ACTIVATION_LEFT "an environment was deleted while it is active";
    630 XLA_FILES_MISSING "XLA is to be led to files that the environment does not hold";

    // 7xx: the probe.
    701 PROBE_NO_DRIVER "no NVIDIA driver is loaded";
    702 PROBE_NO_DEVICE "the driver sees no device";
    703 PROBE_WRONG_RESULT "a GPU computed wrong numbers";
    704 PROBE_CRASHED "the probe crashed";
    705 PROBE_HANG "the probe did not answer in time";
    706 PROBE_DRIVER_TOO_OLD "the driver is too old";
    707 PROBE_DRIVER_ERROR "a driver call failed";
    708 PROBE_NOT_RUN "the probe could not be started";
    709 PROBE_ARCHITECTURE "the driver cannot run the kernel on this GPU";
    710 PROBE_LIBRARY "a CUDA library of the environment does not work";
    711 PROBE_FRAMEWORK "a framework does not work";
    712 PROBE_MISMATCH "a framework computes on the CPU although there is a GPU";
    713 PROBE_POLLUTED "something from outside of the environment was loaded";
    720 FACTS_BAD "a facts file cannot be used";

    // 9xx: bugs of gpuenv.
    901 BUG "gpuenv has a bug";
}

impl Code {
    /// Returns the number, without the `GE`.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Returns the stage that fails with this code: 1 recipe … 7 probe, 9 a bug.
    pub fn stage(self) -> u8 {
        // Three digits by construction, so the first one fits.
        (self.0 / 100) as u8
    }

    /// Returns the one-line title of the code.
    pub fn title(self) -> &'static str {
        Code::ALL
            .iter()
            .find(|(code, _)| *code == self)
            .map_or("unknown code", |(_, title)| title)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GE{:03}", self.0)
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .strip_prefix("GE")
            .or_else(|| text.strip_prefix("ge"))
            .unwrap_or(text);
        digits
            .parse()
            .ok()
            .map(Code)
            .filter(|code| Code::ALL.iter().any(|(known, _)| known == code))
            .ok_or_else(|| UnknownCode(text.to_string()))
    }
}

/// The text names no code of this gpuenv.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a diagnostic code of this gpuenv")]
pub struct UnknownCode(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_ordered_and_round_trip() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (code, _) in Code::ALL {
            assert_eq!(code.to_string().parse::<Code>().unwrap(), *code);
            assert!(matches!(code.stage(), 1..=7 | 9));
        }
    }

    #[test]
    fn an_unknown_code_is_refused() {
        assert!("GE999".parse::<Code>().is_err());
        assert!("hello".parse::<Code>().is_err());
    }
}
