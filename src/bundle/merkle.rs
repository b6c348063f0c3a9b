//! Merkle tree heads as in RFC 9162, section 2.1.1.

use super::digest::{Digest, Hasher};

/// The tree's head and its number of leaves; one without the other proves little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// SHA-256 root; of the empty tree, the SHA-256 of nothing.
    pub root: Digest,
}

/// The head of the tree whose leaves are the lines of `text`, each without its line feed.
pub fn tree_head_of_lines(text: &[u8]) -> TreeHead {
    tree_head(lines(text))
}

/// The lines of a text, each without its line feed.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let count = if text.is_empty() { 0 } else { usize::MAX };
    body.split(|byte| *byte == b'\n').take(count)
}

fn tree_head<'a>(leaves: impl Iterator<Item = &'a [u8]>) -> TreeHead {
    let mut size = 0_u64;
    // Roots of the complete subtrees so far, largest first: one for each bit that is set in `size`.
    let mut complete: Vec<Digest> = Vec::new();
    for leaf in leaves {
        let mut node = hash_leaf(leaf);
        for _ in 0..size.trailing_ones() {
            if let Some(left) = complete.pop() {
                node = hash_nodes(&left, &node);
            }
        }
        complete.push(node);
        size += 1;
    }
    let root = complete
        .into_iter()
        .rev()
        .reduce(|right, left| hash_nodes(&left, &right));
    TreeHead {
        size,
        root: root.unwrap_or_else(|| Digest::of(b"")),
    }
}

pub(super) fn hash_leaf(leaf: &[u8]) -> Digest {
    hash(0, &[leaf])
}

pub(super) fn hash_nodes(left: &Digest, right: &Digest) -> Digest {
    hash(1, &[left.as_bytes(), right.as_bytes()])
}

/// Leaves and inner nodes are hashed with different first bytes, so that neither can pass for the other.
fn hash(kind: u8, parts: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[kind]);
    for part in parts {
        hasher.update(part);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 9162 taken literally.
    fn by_definition(leaves: &[&[u8]]) -> Digest {
        match leaves {
            [] => Digest::of(b""),
            [leaf] => Digest::of(&[&[0], *leaf].concat()),
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = (by_definition(&leaves[..split]), by_definition(&leaves[split..]));
                Digest::of(&[&[1], left.as_bytes(), right.as_bytes()].concat())
            }
        }
    }

    #[test]
    fn agrees_with_the_definition_for_every_small_size() {
        let names: Vec<String> = (0..70).map(|number| format!("leaf {number}")).collect();
        let leaves: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        for size in 0..leaves.len() {
            let text: String = names[..size].iter().map(|name| format!("{name}\n")).collect();
            let head = tree_head_of_lines(text.as_bytes());
            assert_eq!(
                head,
                TreeHead {
                    size: size as u64,
                    root: by_definition(&leaves[..size])
                }
            );
        }
    }

    #[test]
    fn an_inner_node_does_not_pass_for_a_leaf() {
        let two = tree_head_of_lines(b"a\nb\n");
        let inner = [hash(0, &[b"a"]).as_bytes(), hash(0, &[b"b"]).as_bytes()].concat();
        assert_ne!(tree_head([inner.as_slice()].into_iter()).root, two.root);
    }
}
