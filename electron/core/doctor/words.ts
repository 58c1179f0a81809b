import { visibleText } from '../../shared/visible-text.ts';

/** A sentence in two forms: for the person here, and for a report that anybody may read. */
export interface Words {
  readonly here: string;
  /** Every value that could tell who or where somebody is, or hold a secret, is a mark like `<edge>`. */
  readonly report: string;
}

/**
 * A sentence whose values cannot get into a report by oversight: a bare string is no value here, so each is either
 * {@link hidden} under a mark or {@link plain} on purpose. Numbers are plain.
 */
export function words(strings: TemplateStringsArray, ...values: readonly (number | Words)[]): Words {
  const join = (side: 'here' | 'report'): string =>
    strings.reduce((text, part, index) => {
      const value = values[index - 1];
      return `${text}${typeof value === 'object' ? value[side] : value}${part}`;
    });
  return { here: join('here'), report: join('report') };
}

/** A value that the report shows as `<mark>`. Text of outsiders is made visible and cut here. */
export function hidden(mark: string, value: string): Words {
  return { here: visibleText(value, { max: 300 }), report: `<${mark}>` };
}

/** A value that says nothing about the person: an error code, a state, a version, a time. */
export function plain(value: string): Words {
  return { here: value, report: value };
}

/** What an error says: its message here, only its code in the report. */
export function failure(error: { readonly code: string; readonly message: string }): Words {
  return { here: visibleText(error.message, { max: 500 }), report: `(${error.code})` };
}
