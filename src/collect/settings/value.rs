//! Values of settings: as `pg_settings` shows them, compared with what files and overrides say.

use serde_json::Value;

/// A value as a number, for settings that are numbers; file modes are octal.
pub(super) fn number(text: &str) -> Value {
    if let Some(octal) = octal(text) {
        return Value::from(octal);
    }
    text.parse::<i64>()
        .map(Value::from)
        .or_else(|_| text.parse::<f64>().map(Value::from))
        .unwrap_or_default()
}

/// A configured value as `pg_settings` shows it: booleans as on/off, numbers in the setting's unit.
pub(super) fn normalised(value: &str, unit: Option<&str>, vartype: &str) -> String {
    match vartype {
        "bool" => switch(value).unwrap_or(value).to_owned(),
        "enum" => value.trim().to_ascii_lowercase(),
        "integer" | "real" => {
            in_unit(value, unit, vartype == "real").map_or_else(|| value.to_owned(), |n| format!("{n}"))
        }
        _ => value.to_owned(),
    }
}

/// Whether a file says what runs. Nothing where the two cannot be compared: what the server computes itself, or shows
/// as this very connection has it.
pub(super) fn says_the_same(
    name: &str,
    configured: &str,
    running: &str,
    unit: Option<&str>,
    vartype: &str,
) -> Option<bool> {
    if name == "archive_command" && running == "(disabled)" {
        return None; // archiving is off, or a library does it
    }
    let same = match vartype {
        "bool" => normalised(configured, unit, vartype) == running,
        // some have on and off among their values, and then true and false too
        "enum" => {
            configured.trim().eq_ignore_ascii_case(running)
                || switch(configured.trim()).is_some_and(|state| state == running.to_ascii_lowercase())
        }
        "integer" | "real" => {
            let real = vartype == "real";
            let (file, runs) = (in_unit(configured, unit, real), in_unit(running, None, real));
            if file != runs && file.is_some_and(|file| file <= 0.0) && name.ends_with("_buffers") {
                return None; // sized by the server
            }
            file.is_some() && file == runs
        }
        _ => plain(configured) == plain(running),
    };
    let shown_otherwise = name.starts_with("tcp_")
        || [
            "client_encoding",
            "config_file",
            "data_directory",
            "datestyle",
            "external_pid_file",
            "hba_file",
            "ident_file",
            "intervalstyle",
            "log_timezone",
            "timezone",
        ]
        .contains(&name.to_ascii_lowercase().as_str());
    if same || !shown_otherwise {
        Some(same)
    } else {
        None
    }
}

/// The elements of a list, as `shared_preload_libraries` has them; a file's ending and `$libdir/` are left out.
pub(super) fn items(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(|item| item.trim().trim_matches(['"', '\'']).trim())
        .map(|item| item.strip_prefix("$libdir/").unwrap_or(item))
        .map(|item| item.strip_suffix(".so").unwrap_or(item))
        .filter(|item| !item.is_empty())
}

fn plain(text: &str) -> String {
    text.split(',')
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(",")
        .to_lowercase()
}

fn switch(value: &str) -> Option<&'static str> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "tru" | "tr" | "t" | "yes" | "ye" | "y" | "1" => Some("on"),
        "off" | "of" | "false" | "fals" | "fal" | "fa" | "f" | "no" | "n" | "0" => Some("off"),
        _ => None,
    }
}

fn octal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('0')?;
    let all = !digits.is_empty() && digits.chars().all(|c| c.is_digit(8));
    all.then(|| i64::from_str_radix(digits, 8).ok()).flatten()
}

/// A number with a unit, expressed in `unit`, as the server rounds it.
fn in_unit(value: &str, unit: Option<&str>, real: bool) -> Option<f64> {
    let value = value.trim();
    if let Some(octal) = octal(value) {
        return Some(octal as f64);
    }
    let hexadecimal = value.starts_with("0x");
    let end = value
        .find(|c: char| {
            !(c.is_ascii_digit() || "+-.".contains(c) || hexadecimal && (c == 'x' || c.is_ascii_hexdigit()))
        })
        .unwrap_or(value.len());
    let (digits, suffix) = value.split_at_checked(end)?;
    let number = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok()? as f64,
        None => digits.parse::<f64>().ok()?,
    };
    let factor = match (suffix.trim(), unit) {
        ("", _) => 1.0,
        (suffix, Some(unit)) => scale(suffix)? / scale(unit)?,
        _ => return None,
    };
    let scaled = number * factor;
    Some(if real { scaled } else { scaled.round() })
}

/// A unit in bytes or in microseconds. `8kB` and the like are the server's own block-sized units.
fn scale(unit: &str) -> Option<f64> {
    let count: String = unit.chars().take_while(char::is_ascii_digit).collect();
    let base = match unit.strip_prefix(count.as_str())? {
        "B" => 1.0,
        "kB" => 1024.0,
        "MB" => 1024.0 * 1024.0,
        "GB" => 1024.0 * 1024.0 * 1024.0,
        "TB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "min" => 60e6,
        "h" => 3_600e6,
        "d" => 86_400e6,
        _ => return None,
    };
    Some(count.parse::<f64>().unwrap_or(1.0) * base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_values_are_shown_in_the_servers_units() {
        for (configured, unit, vartype, running) in [
            ("1min", Some("s"), "integer", "60"),
            ("5min", Some("ms"), "integer", "300000"),
            ("128MB", Some("8kB"), "integer", "16384"),
            ("1d", Some("min"), "integer", "1440"),
            ("0.5s", Some("ms"), "integer", "500"),
            ("500us", Some("ms"), "real", "0.5"),
            ("0600", None, "integer", "384"),
            ("0x1F", None, "integer", "31"),
            ("0.9", None, "real", "0.9"),
            ("-1", Some("kB"), "integer", "-1"),
            ("yes", None, "bool", "on"),
            ("SCRAM-SHA-256", None, "enum", "scram-sha-256"),
            ("Abc", None, "string", "Abc"),
        ] {
            assert_eq!(normalised(configured, unit, vartype), running, "{configured}");
        }
    }

    #[test]
    fn what_a_file_says_is_compared_as_the_server_reads_it() {
        for (name, configured, running, unit, vartype, same) in [
            ("log_file_mode", "0640", "0640", None, "integer", Some(true)),
            ("log_file_mode", "0600", "0640", None, "integer", Some(false)),
            (
                "ssl_min_protocol_version",
                "TLSv1.2",
                "TLSv1.2",
                None,
                "enum",
                Some(true),
            ),
            ("synchronous_commit", "true", "on", None, "enum", Some(true)),
            ("synchronous_commit", "local", "on", None, "enum", Some(false)),
            (
                "authentication_timeout",
                "1min",
                "60",
                Some("s"),
                "integer",
                Some(true),
            ),
            ("wal_buffers", "-1", "512", Some("8kB"), "integer", None),
            ("listen_addresses", "a, b", "a,b", None, "string", Some(true)),
            ("datestyle", "iso", "ISO, MDY", None, "string", None),
            ("tcp_keepalives_idle", "60", "0", Some("s"), "integer", None),
            (
                "archive_command",
                "/bin/true",
                "cp %p /b/%f",
                None,
                "string",
                Some(false),
            ),
            (
                "archive_command",
                "cp %p /b/%f",
                "(disabled)",
                None,
                "string",
                None,
            ),
        ] {
            assert_eq!(
                says_the_same(name, configured, running, unit, vartype),
                same,
                "{name} {configured}"
            );
        }
    }

    #[test]
    fn a_list_is_told_by_its_elements() {
        let list: Vec<&str> = items(r#" pgaudit, "$libdir/auth_delay.so" ,,/tmp/x.so"#).collect();
        assert_eq!(list, ["pgaudit", "auth_delay", "/tmp/x"]);
    }
}
