/**
 * A queue whose owners take turns, so that nobody waits for all that another one has put into it.
 */
export interface QueueInTurns<Item> {
  push(owner: string, item: Item): void;
  /** Takes the oldest item of the owner whose turn it is; undefined where there is none. */
  shift(): Item | undefined;
  /** How many items there are. */
  size(): number;
}

export function queueInTurns<Item>(): QueueInTurns<Item> {
  /** An item that came while there was none: a map's table is made anew each time that it empties. */
  let only: { owner: string; item: Item } | null = null;
  /** Those who have other items, whoever's turn is next first. */
  const itemsOf = new Map<string, Item[]>();
  let size = 0;

  function add(owner: string, item: Item): void {
    const items = itemsOf.get(owner);
    if (items === undefined) itemsOf.set(owner, [item]);
    else items.push(item);
  }

  return {
    push(owner, item) {
      if (size++ === 0) {
        only = { owner, item };
        return;
      }
      if (only !== null) add(only.owner, only.item);
      only = null;
      add(owner, item);
    },
    shift() {
      if (size === 0) return undefined;
      if (only !== null) {
        const { item } = only;
        only = null;
        size = 0;
        return item;
      }
      for (const owner of itemsOf.keys()) {
        const items = itemsOf.get(owner)!;
        size--;
        const item = items.shift();
        // Whoever is alone has the next turn as well.
        if (items.length > 0 && itemsOf.size === 1) return item;
        itemsOf.delete(owner);
        if (items.length > 0) itemsOf.set(owner, items);
        return item;
      }
    },
    size: () => size,
  };
}
