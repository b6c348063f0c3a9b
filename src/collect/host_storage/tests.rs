//! Device chains in the shape in which `lsblk` and `findmnt` print them.

use super::*;

fn of(device: &str) -> Mount {
    let output = format!(
        r#"{{"filesystems": [{{"target": "/srv", "source": "/dev/x", "fstype": "ext4", "options": "rw", "maj:min": "{device}"}}]}}"#
    );
    mount(&output).unwrap()
}

const LUKS_UNDER_LVM: &str = r#"{"blockdevices": [
  {"name": "vg0-pg", "type": "lvm", "fstype": "ext4", "maj:min": "253:1", "children": [
    {"name": "sda3_crypt", "type": "crypt", "fstype": "LVM2_member", "maj:min": "253:0", "children": [
      {"name": "sda3", "type": "part", "fstype": "crypto_LUKS", "maj:min": "8:3", "children": [
        {"name": "sda", "type": "disk", "fstype": null, "maj:min": "8:0"}]}]}]},
  {"name": "sda1", "type": "part", "fstype": "ext4", "maj:min": "8:1", "children": [
    {"name": "sda", "type": "disk", "fstype": null, "maj:min": "8:0"}]}]}"#;

const HALF_A_MIRROR: &str = r#"{"blockdevices": [
  {"name": "md0", "type": "raid1", "fstype": "ext4", "maj:min": "9:0", "children": [
    {"name": "sda_crypt", "type": "crypt", "fstype": "linux_raid_member", "maj:min": "253:0", "children": [
      {"name": "sda", "type": "disk", "fstype": "crypto_LUKS", "maj:min": "8:0"}]},
    {"name": "sdb", "type": "disk", "fstype": "linux_raid_member", "maj:min": "8:16"}]}]}"#;

#[test]
fn an_encrypted_layer_is_seen_wherever_it_lies() {
    let seen = storage(&of("253:1"), LUKS_UNDER_LVM, "", Some(false));
    assert_eq!(seen.encrypted, Ok(true));
    assert_eq!(
        seen.chain,
        "ext4 on vg0-pg (lvm) on sda3_crypt (crypt) on sda3 (part) on sda (disk)"
    );
}

#[test]
fn half_a_mirror_is_not_encrypted() {
    assert_eq!(
        storage(&of("9:0"), HALF_A_MIRROR, "", Some(true)).encrypted,
        Ok(false)
    );
}

#[test]
fn a_plain_disk_counts_as_such_only_where_nothing_can_lie_beneath() {
    assert_eq!(
        storage(&of("8:1"), LUKS_UNDER_LVM, "", Some(true)).encrypted,
        Ok(false)
    );
    assert!(
        storage(&of("8:1"), LUKS_UNDER_LVM, "", Some(false))
            .encrypted
            .is_err()
    );
    assert!(storage(&of("8:1"), LUKS_UNDER_LVM, "", None).encrypted.is_err());
}

#[test]
fn what_has_no_block_device_is_undecided() {
    assert!(
        storage(&of("0:45"), LUKS_UNDER_LVM, "", Some(true))
            .encrypted
            .is_err()
    );
    assert!(storage(&of(""), "", "", Some(true)).encrypted.is_err());
}

#[test]
fn a_directory_that_the_file_system_encrypts_is_encrypted() {
    let attributes = "----------E---e------- /srv\n";
    assert_eq!(
        storage(&of("8:1"), LUKS_UNDER_LVM, attributes, Some(true)).encrypted,
        Ok(true)
    );
}

#[test]
fn a_virtual_processor_says_so() {
    assert_eq!(is_metal("flags\t\t: fpu vme hypervisor lahf_lm\n"), Some(false));
    assert_eq!(is_metal("flags\t\t: fpu vme\n"), Some(true));
    assert_eq!(is_metal(""), None);
}
