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
  /** Those who have items, whoever's turn is next first. */
  const itemsOf = new Map<string, Item[]>();
  let size = 0;

  return {
    push(owner, item) {
      size++;
      const items = itemsOf.get(owner);
      if (items === undefined) itemsOf.set(owner, [item]);
      else items.push(item);
    },
    shift() {
      for (const [owner, items] of itemsOf) {
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
