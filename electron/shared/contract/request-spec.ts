import * as z from 'zod';

/** One request: its schemas, and whether it widens authority (`security.md` S7). */
export interface RequestSpec<In extends z.ZodType = z.ZodType, Out extends z.ZodType = z.ZodType> {
  readonly input: In;
  readonly output: Out;
  /**
   * True where the answer lets an agent do more than before (answer, share, token, resume, …). From the control socket
   * such a request is refused with `answers_elsewhere` while a window or browser front is up, unless the person
   * switched on "the command line may decide".
   */
  readonly widens: boolean;
}

/** One entry of the contract. @param options.widens see {@link RequestSpec.widens} */
export function request<In extends z.ZodType, Out extends z.ZodType>(
  input: In,
  output: Out,
  options: { widens?: boolean } = {},
): RequestSpec<In, Out> {
  return { input, output, widens: options.widens ?? false };
}
/** The input of a request that takes none. */
export const nothing = z.strictObject({});
/** A server as a person names it: its name or its slug. */
export const serverName = z.string().min(1).max(200);
