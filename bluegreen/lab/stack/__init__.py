"""What a lab's stack is provisioned with: releases, network, contract, policy file."""
