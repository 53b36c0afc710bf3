/** What kind of problem a {@link LabError} reports; stable, for programs. */
export type LabErrorCode =
  | 'INVALID_NAME'
  | 'OTHER_LAB'
  | 'SUBNET_IN_USE'
  | 'NO_LAB'
  | 'LAB_BUSY'
  | 'DOCKER'
  | 'COMMAND'
  | 'API'
  | 'TIMEOUT'
  | 'STATE'
  | 'USAGE';

/** A problem of the lab, with a message that says what was found and what would be right. */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
