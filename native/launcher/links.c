// Files with several names: counts the names that a walk has found of each.
#include "links.h"

#include <stdlib.h>

// A tenant decides how many there are. This many take 48 MB.
enum { LINKS_MAX = 1 << 20 };

static struct link_count *slot_of(struct link_count *slots, size_t room, const struct stat *facts) {
  size_t at = (size_t)(facts->st_ino * 0x9E3779B97F4A7C15ull >> 20) & (room - 1);
  while (slots[at].inode != 0 && (slots[at].inode != facts->st_ino || slots[at].device != facts->st_dev))
    at = (at + 1) & (room - 1);
  return &slots[at];
}

static int grow(struct links *links) {
  size_t room = links->room == 0 ? 256 : 2 * links->room;
  struct link_count *slots = calloc(room, sizeof *slots);
  if (slots == NULL) return -1;
  for (size_t i = 0; i < links->room; i++) {
    const struct link_count *old = &links->slots[i];
    const struct stat facts = {.st_dev = old->device, .st_ino = old->inode};
    if (old->inode != 0) *slot_of(slots, room, &facts) = *old;
  }
  free(links->slots);
  links->slots = slots;
  links->room = room;
  return 0;
}

nlink_t count_link(struct links *links, const struct stat *facts) {
  if (2 * links->count >= links->room && (links->count >= LINKS_MAX || grow(links) < 0)) return 0;
  struct link_count *slot = slot_of(links->slots, links->room, facts);
  if (slot->inode == 0) {
    *slot = (struct link_count){facts->st_dev, facts->st_ino, 0};
    links->count++;
  }
  return ++slot->found;
}
