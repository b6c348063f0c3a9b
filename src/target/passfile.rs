//! The password file (`~/.pgpass`).

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

/// What is looked up.
pub(super) struct Wanted<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// Reads a password file; a file that others may read is left alone, as libpq does, with a warning.
pub(super) fn read(path: &Path) -> (Option<Zeroizing<String>>, Option<String>) {
    let Ok(metadata) = std::fs::metadata(path) else {
        return (None, None);
    };
    let shown = path.display();
    if !metadata.is_file() {
        return (
            None,
            Some(format!(
                "the password file `{shown}` is not a regular file and was left alone"
            )),
        );
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return (
            None,
            Some(format!(
                "the password file `{shown}` may be read by others and was left alone; run `chmod 0600 {shown}`"
            )),
        );
    }
    match std::fs::read_to_string(path) {
        Ok(text) => (Some(Zeroizing::new(text)), None),
        Err(error) => (
            None,
            Some(format!("the password file `{shown}` cannot be read: {error}")),
        ),
    }
}

/// The password of the first line that matches.
pub(super) fn find(text: &str, wanted: &Wanted<'_>) -> Option<Zeroizing<String>> {
    let port = wanted.port.to_string();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let fields = split(line);
            let [host, line_port, database, user, password] = fields.as_slice() else {
                return None;
            };
            let matches = [
                (host, wanted.host),
                (line_port, &port),
                (database, wanted.database),
                (user, wanted.user),
            ]
            .into_iter()
            .all(|(field, value)| field.as_str() == "*" || field == value);
            (matches && !password.is_empty()).then(|| Zeroizing::new(password.clone()))
        })
}

/// Splits at colons; a backslash takes the next character as it is. The fifth field is the password.
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let last = fields.len() == 5;
        match c {
            ':' if !last => fields.push(String::new()),
            ':' => break,
            '\\' => fields
                .iter_mut()
                .next_back()
                .into_iter()
                .for_each(|field| field.extend(chars.next())),
            c => fields
                .iter_mut()
                .next_back()
                .into_iter()
                .for_each(|field| field.push(c)),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_matching_line_counts() {
        let text = "# comment\nh:5432:db:bob:one\n*:*:*:bob:t\\:w\\\\o\nother:*:*:*:three\n";
        let find = |host, user| {
            let wanted = Wanted {
                host,
                port: 5432,
                database: "db",
                user,
            };
            find(text, &wanted).map(|password| password.to_string())
        };
        assert_eq!(find("h", "bob").as_deref(), Some("one"));
        assert_eq!(find("x", "bob").as_deref(), Some("t:w\\o"));
        assert_eq!(find("x", "eve"), None);
        assert_eq!(find("other", "eve").as_deref(), Some("three"));
    }
}
