//! How ways are written out.

use super::*;

#[test]
fn the_shortest_ways_are_written_out_and_the_others_counted() {
    let mut paths = Paths::default();
    for length in [7, 3, 5, 1, 6, 2, 4] {
        paths.add(length, format!("way {length}"));
    }
    assert_eq!(
        json!(paths.told.iter().map(|(_, told)| told).collect::<Vec<_>>()),
        json!(["way 1", "way 2", "way 3", "way 4", "way 5"])
    );
    let labels: Vec<String> = (1..=7).map(|number| format!("f{number}")).collect();
    paths.add_all("bob", 0, &labels.iter().map(String::as_str).collect());
    assert_eq!(
        paths.into_value(),
        json!([
            "bob → f1",
            "bob → f2",
            "bob → f3",
            "bob → f4",
            "bob → f5",
            "and 9 more"
        ])
    );
}
