// biome-ignore-all lint/a11y/useSemanticElements: a virtualised grid; a table would have to hold every row.

import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { LogRow } from '../../../electron/shared/views.ts';
import { DownIcon } from '../../components/icons.tsx';
import { twelveHours } from '../../format.ts';
import { texts } from '../../texts.ts';
import { RequestRow } from './request-row.tsx';

const wideRow = 30;
const narrowRow = 50;
const nearEnd = 24;

/** The live list: one tab stop, arrow keys move, Enter opens, Escape closes; follows the newest row until one scrolls away from it. */
export function RequestList({
  rows,
  selected,
  onSelect,
  onClose,
}: {
  rows: readonly LogRow[];
  selected: string | undefined;
  onSelect(id: string): void;
  onClose(): void;
}) {
  // React Compiler would cache the virtualizer's answers, which change while its arguments do not (TanStack/virtual#736).
  'use no memo';
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow(scroller);
  const [following, setFollowing] = useState(true);
  const [active, setActive] = useState<string>();
  const [seenSeq, setSeenSeq] = useState(0);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (narrow ? narrowRow : wideRow),
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 12,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another layout has other heights.
  useLayoutEffect(() => virtualizer.measure(), [narrow]);

  const lastSeq = rows.at(-1)?.seq ?? 0;
  const firstSeq = rows[0]?.seq ?? 0;
  if (following && seenSeq !== lastSeq) setSeenSeq(lastSeq);
  const fresh = following ? 0 : rows.filter((row) => row.seq > seenSeq).length;
  useLayoutEffect(() => {
    const element = scroller.current;
    if (following && element && lastSeq > 0) element.scrollTop = element.scrollHeight;
  }, [following, lastSeq]);

  // Rows that leave at the top must not move what one reads.
  const height = narrow ? narrowRow : wideRow;
  const before = useRef<{ rows: readonly LogRow[]; firstSeq: number }>({ rows, firstSeq });
  useLayoutEffect(() => {
    const element = scroller.current;
    const old = before.current;
    before.current = { rows, firstSeq };
    if (!element || following || old.firstSeq === firstSeq) return;
    const gone = old.rows.findIndex((row) => row.seq === firstSeq);
    const added = rows.findIndex((row) => row.seq === old.firstSeq);
    if (gone > 0) element.scrollTop -= gone * height;
    else if (added > 0) element.scrollTop += added * height;
  }, [rows, firstSeq, following, height]);

  const activeId = active !== undefined && rows.some((row) => row.id === active) ? active : selected;
  const activeIndex = rows.findIndex((row) => row.id === activeId);
  const move = (to: number) => {
    const index = Math.max(0, Math.min(rows.length - 1, to));
    const row = rows[index];
    if (!row) return;
    setActive(row.id);
    setFollowing(false);
    virtualizer.scrollToIndex(index, { align: 'auto' });
    if (selected !== undefined) onSelect(row.id);
  };
  const onKey = (event: KeyboardEvent) => {
    const from = activeIndex < 0 ? rows.length : activeIndex;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 300) / height) - 1);
    const steps: Partial<Record<string, number>> = {
      ArrowUp: from - 1,
      ArrowDown: from + 1,
      PageUp: from - page,
      PageDown: from + page,
      Home: 0,
      End: rows.length - 1,
    };
    const to = steps[event.key];
    if (to !== undefined) {
      event.preventDefault();
      move(to);
    } else if ((event.key === 'Enter' || event.key === ' ') && activeId !== undefined) {
      event.preventDefault();
      onSelect(activeId);
    } else if (event.key === 'Escape' && selected !== undefined) {
      event.preventDefault();
      onClose();
    }
  };
  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < nearEnd;
    if (atEnd !== following) setFollowing(atEnd);
  };
  const toEnd = () => {
    setFollowing(true);
    scroller.current?.focus();
  };
  const items = virtualizer.getVirtualItems();
  const activeShown = items.some((item) => item.index === activeIndex);
  return (
    <div className="log" data-narrow={narrow || undefined} data-twelve-hours={twelveHours || undefined}>
      <div
        ref={scroller}
        className="log-scroll"
        role="grid"
        tabIndex={0}
        aria-label={texts.requests.list}
        aria-rowcount={rows.length}
        aria-activedescendant={activeShown && activeId !== undefined ? rowId(activeId) : undefined}
        onKeyDown={onKey}
        onScroll={onScroll}
      >
        <div className="log-rows" role="rowgroup" style={{ height: virtualizer.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            return row ? (
              <RequestRow
                key={item.key}
                id={rowId(row.id)}
                row={row}
                index={item.index}
                top={item.start}
                selected={row.id === selected}
                active={row.id === activeId}
                onOpen={() => {
                  setActive(row.id);
                  onSelect(row.id);
                }}
              />
            ) : null;
          })}
        </div>
      </div>
      {fresh > 0 && (
        <button type="button" className="button fresh" aria-label={texts.requests.freshLabel(fresh)} onClick={toEnd}>
          <DownIcon />
          {texts.requests.fresh(fresh)}
        </button>
      )}
    </div>
  );
}

function rowId(id: string): string {
  return `row-${id.replace(/[^A-Za-z0-9_-]/g, '_')}`;
}

function useNarrow(ref: { readonly current: HTMLElement | null }): boolean {
  const [narrow, setNarrow] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setNarrow(element.clientWidth < 640));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return narrow;
}
