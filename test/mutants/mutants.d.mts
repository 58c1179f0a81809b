/** A control, the one line that takes it away, and the test that must fail then. */
export interface Mutant {
  readonly claim: string;
  readonly file: string;
  readonly find: string;
  readonly put: string;
  readonly test: string;
  readonly name: string;
}

export const mutants: readonly Mutant[];
