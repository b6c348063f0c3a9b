//! The fixed set of commands: everything that is ever run on a host.

/// A command of the fixed set. All of them only read.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// What collectors call it.
    pub name: &'static str,
    /// Its words; `{}` stands for the parameters, each one word, and `/proc/{}/…` for a process.
    pub words: &'static [&'static str],
    /// What its parameters are.
    pub parameters: Parameters,
    /// Whether a complete answer may need root.
    pub root: bool,
    /// Where the program lies, for rules of `sudo`.
    pub path: &'static str,
    /// Why it is run.
    pub purpose: &'static str,
}

impl Command {
    /// Its words, with `{}` for parameters.
    pub fn template(&self) -> String {
        let words: Vec<String> = self
            .words
            .iter()
            .map(|word| {
                if word.contains("{}") {
                    (*word).to_owned()
                } else {
                    quoted(word)
                }
            })
            .collect();
        words.join(" ")
    }

    /// What a sudoers file allows: the program with exactly these arguments, parameters by a pattern that lets no
    /// further option in.
    pub fn sudo_rule(&self) -> String {
        let pattern = match self.parameters {
            Parameters::None => "",
            Parameters::Paths => "/[^ ]+( /[^ ]+)*",
            Parameters::Process => "[0-9]+",
            Parameters::Name => "[A-Za-z0-9._+:@~][A-Za-z0-9._+:@~-]*",
        };
        let words: Vec<String> = self
            .words
            .iter()
            .skip(1)
            .map(|word| literal(word).replace("\\{\\}", pattern))
            .collect();
        if words.is_empty() {
            format!("{} \"\"", self.path)
        } else {
            format!("{} ^{}$", self.path, words.join(" "))
        }
    }
}

/// A word as a regular expression of a sudoers file, where it stands for itself.
fn literal(word: &str) -> String {
    let mut text = String::new();
    for c in word.chars() {
        if !c.is_ascii_alphanumeric() && !"-_/=".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// What the parameters of a command are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameters {
    /// It has none.
    None,
    /// Absolute paths, told by the server or by an earlier command.
    Paths,
    /// One process.
    Process,
    /// The name of an account or a package, told by an earlier command.
    Name,
}

impl Parameters {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::None => "no parameters",
            Self::Paths => "absolute paths that the server or an earlier command told",
            Self::Process => "the number of one of the server's processes",
            Self::Name => "a name that an earlier command told",
        }
    }
}

const FIND_FORMAT: &str = r"%y\t%m\t%U\t%u\t%G\t%g\t%l\t%p\0";

/// Everything that is ever run on a host, by name.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "id",
        words: &["id", "-u"],
        parameters: Parameters::None,
        root: false,
        path: "/usr/bin/id",
        purpose: "who the commands run as",
    },
    Command {
        name: "hostname",
        words: &["uname", "-n"],
        parameters: Parameters::None,
        root: false,
        path: "/usr/bin/uname",
        purpose: "the host's name",
    },
    Command {
        name: "process",
        words: &[
            "ps",
            "-ww",
            "-o",
            "pid=,ppid=,uid=,euser:64=,etimes=,comm=",
            "-p",
            "{}",
        ],
        parameters: Parameters::Process,
        root: false,
        path: "/usr/bin/ps",
        purpose: "that the server's processes run on this host, and as whom",
    },
    Command {
        name: "entries",
        words: &["find", "{}", "-maxdepth", "0", "-printf", FIND_FORMAT],
        parameters: Parameters::Paths,
        root: true,
        path: "/usr/bin/find",
        purpose: "type, mode, owner, group and link target of files",
    },
    Command {
        name: "listing",
        words: &["find", "{}", "-maxdepth", "1", "-printf", FIND_FORMAT],
        parameters: Parameters::Paths,
        root: true,
        path: "/usr/bin/find",
        purpose: "the same, of a directory and what lies directly in it",
    },
    Command {
        name: "tcp-listeners",
        words: &["ss", "-Hltnp"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/bin/ss",
        purpose: "the TCP addresses that the server's process listens on",
    },
    Command {
        name: "interfaces",
        words: &["ip", "-j", "addr", "show"],
        parameters: Parameters::None,
        root: false,
        path: "/usr/sbin/ip",
        purpose: "the host's interfaces and addresses",
    },
    Command {
        name: "routes-ipv4",
        words: &["ip", "-j", "-4", "route", "show", "table", "all"],
        parameters: Parameters::None,
        root: false,
        path: "/usr/sbin/ip",
        purpose: "which networks lie behind which interface",
    },
    Command {
        name: "routes-ipv6",
        words: &["ip", "-j", "-6", "route", "show", "table", "all"],
        parameters: Parameters::None,
        root: false,
        path: "/usr/sbin/ip",
        purpose: "which networks lie behind which interface",
    },
    Command {
        name: "nft-rules",
        words: &["nft", "-j", "list", "ruleset"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/sbin/nft",
        purpose: "the packet filter's rules",
    },
    Command {
        name: "legacy-tables-ipv4",
        words: &["cat", "/proc/net/ip_tables_names"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/bin/cat",
        purpose: "whether there are rules of the older iptables, which nft does not show",
    },
    Command {
        name: "legacy-tables-ipv6",
        words: &["cat", "/proc/net/ip6_tables_names"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/bin/cat",
        purpose: "whether there are rules of the older iptables, which nft does not show",
    },
    Command {
        name: "iptables-nft-save",
        words: &["iptables-nft-save"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/sbin/iptables-nft-save",
        purpose: "rules of iptables that nft does not spell out",
    },
    Command {
        name: "ip6tables-nft-save",
        words: &["ip6tables-nft-save"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/sbin/ip6tables-nft-save",
        purpose: "rules of iptables that nft does not spell out",
    },
    Command {
        name: "iptables-legacy-save",
        words: &["iptables-legacy-save"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/sbin/iptables-legacy-save",
        purpose: "rules of the older iptables",
    },
    Command {
        name: "ip6tables-legacy-save",
        words: &["ip6tables-legacy-save"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/sbin/ip6tables-legacy-save",
        purpose: "rules of the older iptables",
    },
    Command {
        name: "iptables-save",
        words: &["iptables-save"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/sbin/iptables-save",
        purpose: "the same, where the program has its plain name only",
    },
    Command {
        name: "ip6tables-save",
        words: &["ip6tables-save"],
        parameters: Parameters::None,
        root: true,
        path: "/usr/sbin/ip6tables-save",
        purpose: "the same, where the program has its plain name only",
    },
    Command {
        name: "kernel-has-nft",
        words: &["grep", "-m", "1", "-w", "nft_do_chain", "/proc/kallsyms"],
        parameters: Parameters::None,
        root: false,
        path: "/usr/bin/grep",
        purpose: "where nft gives no answer: whether the kernel could hold rules of it",
    },
];

/// The command with this name; a name that is not in the set is a mistake in the program.
pub fn command(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// A command with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Invocation {
    /// A name of the fixed set.
    pub name: &'static str,
    /// Its parameters.
    pub parameters: Vec<String>,
}

impl Invocation {
    /// A command of the fixed set with these parameters.
    pub fn new(name: &'static str, parameters: impl IntoIterator<Item = String>) -> Self {
        Self {
            name,
            parameters: parameters.into_iter().collect(),
        }
    }

    /// The words to run. Parameters that are not what the command takes give none: they come from a server or another
    /// program, and may be hostile.
    pub fn words(&self) -> Option<Vec<String>> {
        let command = command(self.name)?;
        let fits = match command.parameters {
            Parameters::None => self.parameters.is_empty(),
            Parameters::Paths => {
                !self.parameters.is_empty() && self.parameters.iter().all(|path| is_path(path))
            }
            Parameters::Process => matches!(&*self.parameters, [pid] if is_process(pid)),
            Parameters::Name => matches!(&*self.parameters, [name] if is_name(name)),
        };
        fits.then(|| {
            let mut words = Vec::new();
            for word in command.words {
                match (*word, self.parameters.first()) {
                    ("{}", _) => words.extend(self.parameters.iter().cloned()),
                    (word, Some(first)) => words.push(word.replace("{}", first)),
                    (word, None) => words.push(word.to_owned()),
                }
            }
            words
        })
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains(['\0', '\n', '\r'])
}

fn is_process(text: &str) -> bool {
    !text.is_empty() && text.len() <= 10 && text.chars().all(|c| c.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._+:@-~".contains(c))
}

/// A word as `sh` reads it: always one word, with no meaning of its own.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parameters_are_what_the_command_takes() {
        let mut names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COMMANDS.len());
        for (name, parameter) in [
            ("process", "1; rm"),
            ("process", ""),
            ("entries", "-delete"),
            ("entries", "relative"),
            ("entries", "/a\nb"),
            ("id", "x"),
        ] {
            let invocation = Invocation::new(name, [parameter.to_owned()]);
            assert_eq!(invocation.words(), None, "{name} {parameter}");
        }
    }

    #[test]
    fn no_word_means_more_than_itself_to_the_shell() {
        assert_eq!(quoted("/a/b.c"), "/a/b.c");
        assert_eq!(quoted("/a b'$(x)"), r"'/a b'\''$(x)'");
    }
}
