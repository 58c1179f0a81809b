import { Fragment } from 'react';
import { type VisibleTextOptions, visiblePieces } from '../../electron/shared/visible-text.ts';

/** Outsiders' text with what nobody sees drawn apart, so that text which only looks like such a mark is told from one. */
export function Marked({ text, ...options }: VisibleTextOptions & { text: string }) {
  return visiblePieces(text, options).map((piece, index) =>
    piece.mark ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces have no identity but their place.
      <span key={index} className="unseen">
        {piece.text}
      </span>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: as above.
      <Fragment key={index}>{piece.text}</Fragment>
    ),
  );
}
