/** What a command on a node said. */
export interface NodeCommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Power of a machine: `frozen` stands still with everything in it, `off` has lost its processes and its memory. */
export type MachinePower = 'on' | 'off' | 'frozen';

/** Power over the machines of a cluster. The local lab has it; a cluster from a kubeconfig does not. */
export interface LabControl {
  /** Name of the lab. */
  readonly name: string;
  /** Name of the machine that runs the control plane. It is no Kubernetes node. */
  readonly controlPlane: string;
  /** Names of all machines, that of the control plane among them. Those of the others are their node names. */
  machines(signal?: AbortSignal): Promise<readonly string[]>;
  /**
   * Runs a command on a machine, without Kubernetes.
   *
   * @throws when there is no such machine, or after 60 s
   */
  exec(machine: string, argv: readonly string[], signal?: AbortSignal): Promise<NodeCommandResult>;
  /** How a machine is. */
  power(machine: string, signal?: AbortSignal): Promise<MachinePower>;
  /**
   * Puts a machine on, off at once like a power cut, or freezes it. Idempotent.
   *
   * @param options.restoreAfterMs put it on again by itself after this time, whoever is still alive then
   */
  setPower(
    machine: string,
    power: MachinePower,
    options?: { readonly restoreAfterMs?: number; readonly signal?: AbortSignal },
  ): Promise<void>;
}
