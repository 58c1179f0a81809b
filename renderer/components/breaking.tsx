import { Fragment } from 'react';

/** Text that breaks after each `at` where it must break: a fingerprint between its bytes, a name between its labels. */
export function Breaking({ text, at }: { text: string; at: ':' | '.' }) {
  return text.split(at).map((piece, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces have no other name than their place.
    <Fragment key={index}>
      {index > 0 && at}
      {index > 0 && <wbr />}
      {piece}
    </Fragment>
  ));
}
