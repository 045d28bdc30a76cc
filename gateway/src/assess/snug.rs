//! Lists without room for more: what the lines remember stands in memory for everybody of a township at once.

use std::collections::VecDeque;

/// Adds to the end; a full list grows by one place and not to twice its size.
pub(super) fn push<T>(list: &mut Vec<T>, newest: T) {
    list.reserve_exact(1);
    list.push(newest);
}

/// As [`push`], of a list that is forgotten from its front.
pub(super) fn push_back<T>(list: &mut VecDeque<T>, newest: T) {
    list.reserve_exact(1);
    list.push_back(newest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_room_for_what_is_in_it() {
        let (mut list, mut queue) = (Vec::new(), VecDeque::new());
        for number in 1..=9 {
            push(&mut list, number);
            push_back(&mut queue, number);
            assert_eq!((list.capacity(), queue.capacity()), (number, number));
        }
        queue.pop_front();
        push_back(&mut queue, 10);
        assert_eq!(queue.capacity(), 9);
        assert_eq!(queue, (2..=10).collect::<VecDeque<_>>());
    }
}
