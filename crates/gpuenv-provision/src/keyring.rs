//! The keyring, asked by way of its program, as uv and pip ask it.
//!
//! What it says stays in memory, and no password is ever an argument.

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::io::AsyncReadExt;
use url::Url;

/// How long the program may take. One that waits for a user would wait for ever.
const DEADLINE: Duration = Duration::from_secs(60);

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// So many indexes of one server are asked for at most.
const MOST: usize = 4;

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// What the keyring is asked about: a place, and a name if one is known.
type Question = (String, Option<String>);

/// The keyring of this machine.
#[derive(Debug, Default)]
pub struct Keyring {
    /// The program, if there is one.
    program: Option<PathBuf>,
    /// Indexes that are known here, with the name that they are used under.
    places: Mutex<Vec<(Url, Option<String>)>>,
    // Held while the program runs, so that many downloads ask once.
    answers: tokio::sync::Mutex<HashMap<Question, Option<Login>>>,
    complaint: Mutex<Option<String>>,
}

impl Keyring {
    /// Makes one that asks this program.
    pub fn new(program: Option<PathBuf>) -> Self {
        Self {
            program,
            ..Self::default()
        }
    }

    /// Takes note of an index: the keyring knows logins by it, not by its files.
    pub fn learn(&self, place: &Url, name: Option<&str>) {
        let mut place = place.clone();
        let _ = place.set_username("");
        let _ = place.set_password(None);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() < 1000 && !places.iter().any(|(known, _)| *known == place) {
            places.push((place, name.map(ToString::to_string)));
        }
    }

    /// Returns the login for what has this address.
    pub async fn login(&self, url: &Url) -> Option<Login> {
        for question in self.questions(url) {
            if let Some(login) = self.ask(question).await {
                return Some(login);
            }
        }
        None
    }

    /// Returns why it could say nothing, if it could not.
    pub fn complaint(&self) -> Option<String> {
        let complaint = self.complaint.lock();
        complaint.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn complain(&self, text: String) {
        let complaint = self.complaint.lock();
        *complaint.unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// Returns what to ask, the most exact first.
    fn questions(&self, url: &Url) -> Vec<Question> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let of_server = places
            .iter()
            .filter(|(place, _)| place.origin() == url.origin());
        let mut of_server: Vec<&(Url, Option<String>)> = of_server.collect();
        of_server.sort_by_key(|(place, _)| std::cmp::Reverse(shared(place, url)));
        let name = of_server.iter().find_map(|(_, name)| name.clone());
        let mut questions: Vec<Question> = of_server
            .into_iter()
            .take(MOST)
            .map(|(place, name)| (place.to_string(), name.clone()))
            .collect();
        if questions.is_empty() {
            let mut place = url.clone();
            place.set_query(None);
            place.set_fragment(None);
            questions.push((place.to_string(), None));
        }
        // Whoever changes an address to `http` must not get what was kept for the host.
        if is_secure(url)
            && let Some(host) = host(url)
        {
            questions.push((host, name));
        }
        questions
    }

    async fn ask(&self, question: Question) -> Option<Login> {
        let mut answers = self.answers.lock().await;
        if let Some(known) = answers.get(&question) {
            return known.clone();
        }
        let answer = self.run(&question).await;
        answers.insert(question, answer.clone());
        answer
    }

    async fn run(&self, (place, name): &Question) -> Option<Login> {
        let Some(program) = &self.program else {
            self.complain("there is no program `keyring` on `PATH`".to_string());
            return None;
        };
        let mut command = tokio::process::Command::new(program);
        command.arg("get").arg(place);
        match name {
            Some(name) => command.arg(name),
            None => command.args(["--mode", "creds"]),
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // What it writes there is for nobody here, and may be a secret.
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let told = tokio::time::timeout(DEADLINE, answer(command)).await;
        let asked = match name {
            Some(name) => format!("`keyring get {place} {name}`"),
            None => format!("`keyring get {place} --mode creds`"),
        };
        match told {
            Ok(Ok(Some(text))) => {
                let login = read(&text, name.as_deref());
                if login.is_none() {
                    self.complain(format!("{asked} says nothing that can be used"));
                }
                login
            }
            Ok(Ok(None)) => {
                self.complain(format!("{asked} finds nothing"));
                None
            }
            Ok(Err(error)) => {
                self.complain(format!(
                    "`{}` cannot be started: {error}",
                    program.display()
                ));
                None
            }
            Err(_) => {
                self.complain(format!("{asked} takes too long"));
                None
            }
        }
    }
}

/// Returns what the program writes, unless it says that it found nothing.
async fn answer(mut command: tokio::process::Command) -> std::io::Result<Option<String>> {
    let mut child = command.spawn()?;
    let mut text = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(LONGEST).read_to_end(&mut text).await?;
    }
    let status = child.wait().await?;
    Ok(status
        .success()
        .then(|| String::from_utf8_lossy(&text).into_owned()))
}

/// Reads a password, or a name and below it a password.
fn read(text: &str, name: Option<&str>) -> Option<Login> {
    let mut lines = text.lines();
    let name = match name {
        Some(name) => name,
        None => lines.next()?,
    };
    let password = lines.next()?;
    let is_said = !password.is_empty() && !name.is_empty();
    is_said.then(|| Login {
        name: name.to_string(),
        password: password.to_string(),
    })
}

/// Returns how many parts two paths begin with in common.
pub(crate) fn shared(one: &Url, other: &Url) -> usize {
    let parts = one.path().split('/').zip(other.path().split('/'));
    parts.take_while(|(one, other)| one == other).count()
}

fn is_secure(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || is_here
}

/// Returns `host` or `host:port`, where it cannot be taken for an option.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.starts_with('-'))?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(keyring: &Keyring, url: &str) -> Vec<String> {
        let questions = keyring.questions(&Url::parse(url).unwrap());
        let text = |(place, name): Question| match name {
            Some(name) => format!("{place} {name}"),
            None => place,
        };
        questions.into_iter().map(text).collect()
    }

    #[test]
    fn the_nearest_index_is_asked_about_first_and_then_the_host() {
        let keyring = Keyring::default();
        let learn = |url: &str, name| keyring.learn(&Url::parse(url).unwrap(), name);
        learn("https://x.example/team/simple", None);
        learn("https://me:pw@x.example/team/b/simple/", Some("me"));
        learn("https://y.example/simple", None);
        assert_eq!(
            asked(&keyring, "https://x.example/team/b/files/a-1.whl?token=s"),
            [
                "https://x.example/team/b/simple/ me",
                "https://x.example/team/simple",
                "x.example me"
            ]
        );
        assert_eq!(
            asked(&keyring, "https://z.example:8443/a-1.whl?token=s#h"),
            ["https://z.example:8443/a-1.whl", "z.example:8443"]
        );
        assert_eq!(
            asked(&keyring, "http://x.example/a.whl"),
            ["http://x.example/a.whl"]
        );
        assert_eq!(asked(&keyring, "https://-x.example/a.whl").len(), 1);
    }

    #[test]
    fn an_answer_is_a_password_or_a_name_and_a_password() {
        let login = |text: &str, name| read(text, name).map(|login| (login.name, login.password));
        let some = |name: &str, word: &str| Some((name.to_string(), word.to_string()));
        assert_eq!(login("secret\r\n", Some("me")), some("me", "secret"));
        assert_eq!(login("me\n se cret \n", None), some("me", " se cret "));
        for nothing in ["", "\n", "me", "me\n\n"] {
            assert_eq!(login(nothing, None), None, "{nothing:?}");
        }
        assert_eq!(login("\n", Some("me")), None);
        assert_eq!(
            format!("{:?}", read("secret", Some("me"))),
            "Some(Login(…))"
        );
    }
}
