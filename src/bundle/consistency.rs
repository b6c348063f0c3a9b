//! Consistency proofs as in RFC 9162, section 2.1.4: that a tree only grew since its earlier head.

use super::digest::Digest;
use super::merkle::{TreeHead, hash_leaf, hash_nodes, lines};

/// The proof that the tree over the lines of `text` continues its own first `first` lines; nothing when there is nothing
/// to prove.
pub fn consistency_proof(text: &[u8], first: u64) -> Vec<Digest> {
    let leaves: Vec<Digest> = lines(text).map(hash_leaf).collect();
    let mut proof = Vec::new();
    match usize::try_from(first) {
        Ok(first) if (1..leaves.len()).contains(&first) => sub_proof(first, &leaves, true, &mut proof),
        _ => {}
    }
    proof
}

/// SUBPROOF of the RFC. `whole` says whether `leaves` begin where the earlier tree began, whose root is known.
fn sub_proof(first: usize, leaves: &[Digest], whole: bool, proof: &mut Vec<Digest>) {
    if first == leaves.len() {
        proof.extend((!whole).then(|| root(leaves)));
        return;
    }
    let (left, right) = split(leaves);
    if first <= left.len() {
        sub_proof(first, left, whole, proof);
        proof.push(root(right));
    } else {
        sub_proof(first - left.len(), right, false, proof);
        proof.push(root(left));
    }
}

/// At the largest power of two below the number of leaves.
fn split(leaves: &[Digest]) -> (&[Digest], &[Digest]) {
    leaves.split_at(leaves.len().next_power_of_two() / 2)
}

fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = split(leaves);
            hash_nodes(&root(left), &root(right))
        }
    }
}

/// Whether the proof shows that the tree with head `second` continues the one with head `first`.
pub fn is_consistent(first: TreeHead, second: TreeHead, proof: &[Digest]) -> bool {
    if first.size == 0 {
        return proof.is_empty() && first.root == Digest::of(b"");
    }
    if first.size >= second.size {
        return proof.is_empty() && first == second;
    }
    // The root of a complete tree is a node of the later one, and so left out of the proof.
    let known = first.size.is_power_of_two().then_some(first.root);
    let mut path = known.into_iter().chain(proof.iter().copied());
    let Some(start) = path.next().filter(|_| !proof.is_empty()) else {
        return false;
    };
    let (mut node, mut last) = (first.size - 1, second.size - 1);
    while node % 2 == 1 {
        (node, last) = (node / 2, last / 2);
    }
    let (mut earlier, mut later) = (start, start);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            earlier = hash_nodes(&sibling, &earlier);
            later = hash_nodes(&sibling, &later);
            while node % 2 == 0 && node != 0 {
                (node, last) = (node / 2, last / 2);
            }
        } else {
            later = hash_nodes(&later, &sibling);
        }
        (node, last) = (node / 2, last / 2);
    }
    last == 0 && earlier == first.root && later == second.root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::merkle::tree_head_of_lines;

    fn text(size: u64) -> Vec<u8> {
        (0..size)
            .flat_map(|number| format!("leaf {number}\n").into_bytes())
            .collect()
    }

    #[test]
    fn every_head_is_consistent_with_every_earlier_one() {
        for size in 0..40 {
            let second = tree_head_of_lines(&text(size));
            for earlier in 0..=size {
                let first = tree_head_of_lines(&text(earlier));
                let proof = consistency_proof(&text(size), earlier);
                assert!(is_consistent(first, second, &proof), "{earlier} of {size}");
            }
        }
    }

    #[test]
    fn no_other_history_size_or_proof_passes() {
        for size in 2..24 {
            let second = tree_head_of_lines(&text(size));
            for earlier in 1..size {
                let first = tree_head_of_lines(&text(earlier));
                let proof = consistency_proof(&text(size), earlier);
                let other = text(earlier - 1)
                    .into_iter()
                    .chain(*b"another\n")
                    .collect::<Vec<u8>>();
                let forked = tree_head_of_lines(&other);
                assert!(!is_consistent(forked, second, &proof), "{earlier} of {size}");
                let longer: Vec<u8> = other.into_iter().chain(text(size - earlier)).collect();
                assert!(!is_consistent(
                    first,
                    tree_head_of_lines(&longer),
                    &consistency_proof(&longer, earlier)
                ));
                for index in 0..proof.len() {
                    let mut cut = proof.clone();
                    cut.remove(index);
                    assert!(!is_consistent(first, second, &cut));
                    let mut changed = proof.clone();
                    changed[index] = Digest::of(b"x");
                    assert!(!is_consistent(first, second, &changed));
                }
                let wrong_size = TreeHead {
                    size: earlier + 1,
                    ..first
                };
                assert!(!is_consistent(wrong_size, second, &proof) || earlier + 1 > size);
                assert!(!is_consistent(second, first, &proof));
            }
        }
    }
}
