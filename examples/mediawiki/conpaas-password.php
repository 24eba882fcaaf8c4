<?php
// Gives the account Admin a new password and shows it; run on the command line of a node.
if (PHP_SAPI !== 'cli') {
    http_response_code(404);
    exit;
}
require_once __DIR__ . '/maintenance/Maintenance.php';

class ConpaasPassword extends Maintenance {
    public function execute() {
        $user = User::newFromName('Admin');
        $password = bin2hex(random_bytes(10));
        $status = $user->changeAuthenticationData(
            ['username' => $user->getName(), 'password' => $password, 'retype' => $password]
        );
        if (!$status->isGood()) {
            $this->fatalError($status->getMessage(false, false, 'en')->text());
        }
        $this->output("$password\n");
    }
}

$maintClass = ConpaasPassword::class;
require_once RUN_MAINTENANCE_IF_MAIN;
