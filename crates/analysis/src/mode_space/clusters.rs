//! Clusters of end states, by single linkage: the tree is cut at its largest gap.

/// Cluster of each point `[count]`, numbered in the order of their first points. Points closer than `same` are in one cluster;
/// without a gap of at least threefold between the lengths of successive links, all are.
pub fn clusters(points: &[Vec<f64>], same: f64) -> Vec<usize> {
    let links = spanning_tree(points);
    let mut lengths: Vec<f64> = links.iter().map(|(length, ..)| length.max(same)).collect();
    lengths.sort_by(f64::total_cmp);
    const GAP: f64 = 3.0;
    let gaps = lengths.windows(2).enumerate().map(|(k, pair)| (pair[1] / pair[0], (pair[0] * pair[1]).sqrt(), k));
    let cut = gaps.filter(|(ratio, ..)| *ratio >= GAP).max_by(|a, b| a.0.total_cmp(&b.0).then(b.2.cmp(&a.2)));
    // Where all links are long, each point is a cluster of its own.
    let apart = lengths.first().is_some_and(|shortest| *shortest > same);
    let cut = match cut {
        Some((_, cut, _)) => cut,
        None if apart && same > 0.0 && points.len() == 2 => same,
        None => f64::INFINITY,
    };
    let mut parent: Vec<usize> = (0..points.len()).collect();
    fn root(parent: &[usize], mut k: usize) -> usize {
        while parent[k] != k {
            k = parent[k];
        }
        k
    }
    for (length, a, b) in links {
        if length < cut {
            let (a, b) = (root(&parent, a), root(&parent, b));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut names: Vec<usize> = Vec::new();
    (0..points.len())
        .map(|k| {
            let root = root(&parent, k);
            names.iter().position(|name| *name == root).unwrap_or_else(|| {
                names.push(root);
                names.len() - 1
            })
        })
        .collect()
}

/// Links of the shortest spanning tree (Prim): length and both ends.
fn spanning_tree(points: &[Vec<f64>]) -> Vec<(f64, usize, usize)> {
    let distance =
        |a: usize, b: usize| points[a].iter().zip(&points[b]).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let mut nearest: Vec<(f64, usize)> = (0..points.len()).map(|k| (distance(0, k), 0)).collect();
    let mut open: Vec<usize> = (1..points.len()).collect();
    let mut links = Vec::new();
    while let Some(place) = (0..open.len()).min_by(|a, b| nearest[open[*a]].0.total_cmp(&nearest[open[*b]].0)) {
        let next = open.swap_remove(place);
        links.push((nearest[next].0, nearest[next].1, next));
        for k in &open {
            let length = distance(next, *k);
            if length < nearest[*k].0 {
                nearest[*k] = (length, next);
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_are_told_apart_and_a_single_one_stays_whole() {
        let cloud = |x: f64| (0..20).map(move |k| vec![x + 0.1 * f64::from(k % 5), 0.1 * f64::from(k / 5)]);
        let points: Vec<Vec<f64>> = cloud(0.0).chain(cloud(5.0)).chain(cloud(11.0)).collect();
        let expected: Vec<usize> = (0..60).map(|k| k / 20).collect();
        assert_eq!(clusters(&points, 0.01), expected);
        assert_eq!(clusters(&cloud(3.0).collect::<Vec<_>>(), 0.01), [0; 20]);
        assert_eq!(clusters(&[vec![1.0], vec![1.0 + 1e-12], vec![1.0 - 1e-14]], 1e-3), [0; 3]);
        assert_eq!(clusters(&[vec![1.0], vec![2.0], vec![1.0], vec![2.0]], 1e-3), [0, 1, 0, 1]);
        assert!(clusters(&[], 1.0).is_empty());
    }
}
