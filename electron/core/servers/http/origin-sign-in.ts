/** Sallyport's own sign-in at an HTTP server, as its requests need it. No token of an agent ever passes here. */
export interface OriginSignIn {
  /** The access token to send, undefined without one. Renewed before it ends. */
  bearer(): Promise<string | undefined>;
  /**
   * The server answered 401 or 403.
   * @param header its `WWW-Authenticate`
   * @param used the token that it refused, if there was one
   * @param last whether trying again would be of no use
   * @returns whether there is another token by now, so that trying again makes sense
   * @throws ServerFailure `server_needs_authorization` where only a person can help
   */
  refused(status: number, header: string | undefined, used: string | undefined, last: boolean): Promise<boolean>;
}
